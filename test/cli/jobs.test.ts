import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { runCommandLine } from '../../src/cli/main.ts'
import type { Job, JobResult } from '../../src/jobs/protocol.ts'

let folder: string
const at = (name: string) => join(folder, name)
const bytes = (text: string) => new Uint8Array(Buffer.from(text))
const result: JobResult = {
  image: bytes('B2'),
  difference: bytes('D'),
  report: {
    // Out of order on purpose: the order of `--json` is the command line's.
    peakRssBytes: 5 * 2 ** 20,
    evaluations: 290,
    name: 'crying',
    verdict: 'partly',
    fit: 0.634,
    preserve: 0.4,
    strength: 2,
    loss: { first: 1, last: 0.9 },
    seconds: { load: 1, total: 14.23 },
    caption: { a: 'a cat', a2: 'a crying cat', b: 'a dog' },
    steps: 100,
    seed: 0,
    mode: 'fast',
    model: 'tiny',
  },
  notices: ['B is animated; its first frame was used.'],
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'isto-jobs-'))
  for (const name of ['a', 'a2', 'b', 'p', 'p2', 'x.safetensors', 'y:z.safetensors']) await writeFile(at(name), name)
  await writeFile(at('manifest.json'), JSON.stringify({ name: 'tiny', description: '', licence: 'MIT', files: [] }))
})
after(() => rm(folder, { recursive: true }))

async function run(words: readonly string[], answer: (job: Job) => JobResult = () => result) {
  const jobs: Job[] = []
  const told: string[] = []
  const runJob = async (job: Job) => {
    jobs.push(job)
    return answer(job)
  }
  const pull = () => assert.fail('nothing is to be pulled')
  const runScript = () => assert.fail('no script is to be run')
  const surroundings = {
    modelsFolder: folder,
    runJob,
    runScript,
    pull,
    add: pull,
    tell: (sentence: string) => told.push(sentence),
  }
  const output = await runCommandLine([...words, '--model', folder], surroundings)
  return { job: jobs[0]!, told, output }
}

const threePictures = () => ['--a', at('a'), '--a2', at('a2'), '--b', at('b'), '--out', at('out.png')]

test('analogy hands over every picture and option, and writes what comes back', async () => {
  const more = ['--pair', at('p'), at('p2'), '--strength', '-1.5', '--preserve', '0', '--seed', '4294967295']
  const rest = ['--steps', '3', '--mode', 'parity', '--prompt', 'a dog', '--save', at('d.safetensors')]
  const { job, told, output } = await run(['analogy', ...threePictures(), ...more, ...rest])
  const options = { model: folder, mode: 'parity', seed: 4294967295, steps: 3, strength: -1.5, preserve: 0 }
  assert.deepEqual(plain(job), {
    kind: 'analogy',
    pairs: [
      { a: 'a', a2: 'a2' },
      { a: 'p', a2: 'p2' },
    ],
    b: 'b',
    isKept: true,
    options: { ...options, prompt: 'a dog' },
  })
  assert.deepEqual(told, result.notices)
  assert.equal(
    output,
    `Wrote ${at('out.png')} in 14.2 s: “a cat” → “a crying cat”, “crying”, on “a dog”, strength 2, preserve 0.4, partly learned, seed 0.`,
  )
  assert.equal(await readFile(at('out.png'), 'utf8'), 'B2')
  assert.equal(await readFile(at('d.safetensors'), 'utf8'), 'D')
  await rm(at('out.png'))
  await rm(at('d.safetensors'))
})

test('--json prints one object in the promised order, whatever the order of the report', async () => {
  const { output } = await run(['analogy', ...threePictures(), '--json'])
  const keys =
    'out model mode seed steps caption seconds loss strength preserve fit verdict name exact evaluations peakRssBytes'.split(
      ' ',
    )
  assert.deepEqual(Object.keys(JSON.parse(output)), keys)
  assert.deepEqual(JSON.parse(output), { out: at('out.png'), exact: null, ...result.report })
  await rm(at('out.png'))
})

test('an option that is not given is left to the worker', async () => {
  const { job } = await run(['analogy', ...threePictures()])
  assert.deepEqual(plain(job.options), { model: folder, mode: 'fast', seed: 0 })
  await rm(at('out.png'))
})

test('learn hands over its pairs and writes the difference', async () => {
  const { job } = await run(['learn', '--pair', at('a'), at('a2'), `--pair=${at('p')}`, at('p2'), '--out', at('d')])
  assert.deepEqual(plain(job), {
    kind: 'learn',
    pairs: [
      { a: 'a', a2: 'a2' },
      { a: 'p', a2: 'p2' },
    ],
    options: { model: folder, mode: 'fast', seed: 0 },
  })
  assert.equal(await readFile(at('d'), 'utf8'), 'D')
  await rm(at('d'))
})

test('apply reads a strength behind a file, and a colon in its name', async () => {
  const differences = ['--diff', `${at('x.safetensors')}:-0.5`, '--diff', at('y:z.safetensors'), '--strength', '3']
  const { job } = await run(['apply', ...differences, '--image', at('b'), '--out', at('out')])
  assert.deepEqual(plain(job), {
    kind: 'apply',
    differences: [{ bytes: 'x.safetensors', strength: -0.5 }, { bytes: 'y:z.safetensors' }],
    image: 'b',
    options: { model: folder, mode: 'fast', seed: 0, strength: 3 },
  })
  await rm(at('out'))
})

test('bench step prints its medians', async () => {
  const bench = { forwardMs: 10, stepMs: 21.04, ratio: 2.104, openMs: 0 }
  const answer = () => ({ ...result, report: { ...result.report, bench, device: 'cuda' } })
  const { job, output } = await run(['bench', 'step', '--repeats', '7'], answer)
  assert.deepEqual(plain(job), { kind: 'bench-step', repeats: 7, options: { model: folder, mode: 'fast', seed: 0 } })
  assert.equal(output, 'tiny on cuda: forward 10.0 ms, learning step 21.0 ms, ratio 2.10 (medians of 7), 5 MB at most.')
  const json = JSON.parse((await run(['bench', 'step', '--json'], answer)).output)
  assert.deepEqual(Object.keys(json).slice(0, 5), ['forwardMs', 'stepMs', 'ratio', 'openMs', 'peakRssBytes'])
  assert.equal(json.ratio, 2.104)
})

test('when one of two results cannot be written, neither is, and nothing is left', async () => {
  const before = await readdir(folder)
  const save = at('gone/d.safetensors')
  const answer = () => {
    throw new Error('never asked')
  }
  await assert.rejects(run(['analogy', ...threePictures(), '--save', save], answer), {
    name: 'UserError',
    message: `\`${save}\` (--save) cannot be written: there is no folder \`${at('gone')}\`.`,
  })
  const long = at(`${'d'.repeat(250)}`)
  await assert.rejects(run(['analogy', ...threePictures(), '--save', long]), {
    name: 'UserError',
    message: `\`${at('out.png')}\` and \`${long}\` could not be written (ENAMETOOLONG): choose another place.`,
  })
  assert.deepEqual(await readdir(folder), before)
})

/** Bytes as the text they are, and without what is not given. */
const plain = (value: unknown) =>
  JSON.parse(
    JSON.stringify(value, (_, item) => (item instanceof Uint8Array ? Buffer.from(item).toString() : item)),
    (_, item) => (item?.type === 'Buffer' ? Buffer.from(item).toString() : item),
  )
