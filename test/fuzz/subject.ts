import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import manifest from '../../models/emoji/manifest.json' with { type: 'json' }
import { UserError } from '../../src/errors.ts'
import { encodePng } from '../../src/image/encode.ts'
import type { Job, JobOptions, JobResult } from '../../src/jobs/protocol.ts'
import { startWorker } from '../../src/jobs/worker-client.ts'
import { english } from '../../src/sentence.ts'
import { decodeSafetensors } from '../../src/tensor/safetensors.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import { createPerformer } from '../../src/worker/perform.ts'
import { decode, picturesOf } from '../../src/worker/pictures.ts'
import { flawOf } from './sentence.ts'

// The process in which files are tried: they come over IPC, and what became of each goes back.

export interface Question {
  readonly kind: 'picture' | 'difference'
  readonly bytes: Uint8Array
}

export type Outcome =
  | { readonly type: 'valid' }
  | { readonly type: 'refused'; readonly sentence: string }
  | { readonly type: 'wrong'; readonly what: string }

export interface Answer {
  readonly outcome: Outcome
  /** Of the processor, all threads. */
  readonly seconds: number
  /** The most memory so far. */
  readonly kilobytes: number
  /** Files that were not there before. */
  readonly left: readonly string[]
}

const options: JobOptions = { model: 'emoji', mode: 'fast', seed: 0 }
const SIDE = manifest.side
const example = readFileSync(new URL('../../examples/02-orange-to-purple/b.png', import.meta.url))

const another = encodePng(tensor([3, 8, 8]))

const throughChild = process.argv[2] === 'through the child'
const exits: string[] = []
const worker = throughChild
  ? startWorker({
      path: new URL('../../src/worker/main.ts', import.meta.url),
      onExit: (exit) => exits.push(exit),
    })
  : undefined
const performer = createPerformer({})
const signal = new AbortController().signal
const run = (job: Job): Promise<JobResult> =>
  worker ? worker.run(job) : performer.perform(job, { signal, onProgress: () => {} })

process.on('disconnect', () => void (worker?.close() ?? Promise.resolve()).then(() => process.exit()))
process.on('message', async (question: Question) => {
  const before = process.cpuUsage()
  const outcome = await outcomeOf(question)
  const { user, system } = process.cpuUsage(before)
  process.send!({
    outcome: exits.length ? { type: 'wrong', what: `the child died: ${exits.splice(0)}` } : outcome,
    seconds: (user + system) / 1e6,
    kilobytes: process.resourceUsage().maxRSS,
    left: [...readdirSync(tmpdir()), ...readdirSync('.')],
  } satisfies Answer)
})

async function outcomeOf({ kind, bytes }: Question): Promise<Outcome> {
  try {
    return kind === 'difference' ? await readDifference(bytes) : await (worker ? sendPicture : readPicture)(bytes)
  } catch (error) {
    if (error instanceof UserError) return refusal(error.message, kind === 'difference' ? /^The file / : /^A /)
    return { type: 'wrong', what: error instanceof Error ? String(error.stack) : String(error) }
  }
}

function refusal(sentence: string, subject: RegExp): Outcome {
  const flaw = flawOf(sentence, subject)
  return flaw
    ? { type: 'wrong', what: `a bad sentence (${flaw}): ${JSON.stringify(sentence)}` }
    : { type: 'refused', sentence }
}

/** As a job reads and shows a picture of a pair. */
async function readPicture(bytes: Uint8Array): Promise<Outcome> {
  const { pixels, frame, size, notices } = await decode(bytes, 'A', SIDE)
  assert.deepEqual(pixels.dims, [3, SIDE, SIDE])
  assert.equal(pixels.data.length, 3 * SIDE * SIDE)
  assert.ok(pixels.data.every((value) => value >= -1 && value <= 1))
  for (const value of [frame.width, frame.height]) assert.ok(Number.isInteger(value) && value >= 1 && value <= SIDE)
  for (const value of [size.width, size.height]) assert.ok(Number.isInteger(value) && value >= 8)
  for (const notice of notices) assert.equal(flawOf(english(notice), /^A /), undefined, english(notice))
  try {
    const { pair: both } = await picturesOf([{ a: bytes, a2: await another }], [])
    assert.deepEqual(sizeOf(both!), [272, 128])
    const [width, height] = sizeOf(await encodePng(pixels, { frame, size }))
    assert.ok(width! <= Math.max(512, 4 * SIDE) && height! <= Math.max(512, 4 * SIDE))
  } catch (cause) {
    throw new Error('A picture that was read can’t be shown.', { cause })
  }
  return { type: 'valid' }
}

const sizeOf = (png: Uint8Array) => [16, 20].map((offset) => Buffer.from(png).readUInt32BE(offset))

/** The same picture twice is refused once it has been read. */
async function sendPicture(bytes: Uint8Array): Promise<Outcome> {
  try {
    await run({ kind: 'analogy', pairs: [{ a: bytes, a2: bytes }], b: bytes, options })
  } catch (error) {
    if (error instanceof UserError && error.message.startsWith('A and A′ are the same')) return { type: 'valid' }
    throw error
  }
  throw new Error('The same picture twice was learned from.')
}

/** As `/diffs import` reads a file, and then as `/apply-diff` does. */
async function readDifference(bytes: Uint8Array): Promise<Outcome> {
  const inspect = (bytes: Uint8Array) => run({ kind: 'inspect', bytes, options })
  let outcome: Outcome
  try {
    const { difference, report, pictures } = await inspect(bytes)
    const again = await inspect(difference!)
    assert.deepEqual(again.difference, difference)
    assert.deepEqual(factsOf(again), factsOf({ report, pictures, notices: [] }))
    const { emb_params: tokens, ...others } = decodeSafetensors(difference!, 'D').tensors
    assert.deepEqual(others, {})
    assert.ok(tokens!.data.length > 0 && tokens!.data.every(Number.isFinite))
    outcome = { type: 'valid' }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    outcome = refusal(error.message, /^The file /)
  }
  // The second one is never good, so that nothing is sampled.
  const differences = [{ bytes }, { bytes: new Uint8Array(3) }]
  const applied = await run({ kind: 'apply', differences, image: example, options }).catch((error: Error) => error)
  assert.ok(applied instanceof UserError, String(applied))
  const sentence = outcome.type === 'refused' ? outcome.sentence.replace('The file', 'Difference 1') : ''
  if (outcome.type === 'valid') assert.match(applied.message, /^Difference 2 /)
  else if (sentence) assert.equal(applied.message, sentence)
  return outcome
}

/** What is said of a difference: plain, finite, and as long as can be shown. */
function factsOf({ report: { seconds: _, peakRssBytes: __, ...facts }, pictures }: JobResult) {
  JSON.stringify(facts, (_key, value) => {
    if (typeof value === 'number') assert.ok(Number.isFinite(value))
    if (typeof value === 'string') assert.ok(value.length <= 1000)
    return value
  })
  return { facts, loss: pictures?.loss }
}
