import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import sharp from 'sharp'
import { runCommandLine } from '../../src/cli/main.ts'
import { UserError } from '../../src/errors.ts'
import type { InspectJob } from '../../src/jobs/protocol.ts'
import { startWorker, type Worker } from '../../src/jobs/worker-client.ts'
import { decodeSafetensors } from '../../src/tensor/safetensors.ts'
import { type Bot, startBot } from '../loopback/bot.ts'
import { guildId, owner, textOf, until } from '../loopback/discord.ts'

// Textual inversions as other programs save them (test/reference/differences.py), through the real worker: applied from the
// command line, and imported in Discord.

type Values = readonly { readonly dims: readonly number[]; readonly data: readonly number[] }[]

const fixtures = join(import.meta.dirname, '../fixtures')
const elsewhere = join(fixtures, 'differences/elsewhere')
const picture = join(import.meta.dirname, '../../examples/02-orange-to-purple/b.png')
const HALVES = /one of the text encoders of “sdxl” alone .*named `clip_l` and `clip_g`\.$/
const PICKLE = /is a PyTorch file, which may hold a program and is never opened here/
const T5 = 'also holds tokens for a text encoder that the model “sdxl” does not have (t5xxl): they are ignored.'

let folder: string
let worker: Worker
let bot: Bot
let expected: Readonly<Record<string, Values>>
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'isto-elsewhere-'))
  worker = startWorker({ path: new URL('../../src/worker/main.ts', import.meta.url) })
  bot = await startBot()
  expected = JSON.parse(await readFile(join(fixtures, 'differences/elsewhere.json'), 'utf8'))
})
after(async () => {
  await Promise.all([worker.close(), bot.close(), rm(folder, { recursive: true })])
})

const modelFolder = (model: string) => join(fixtures, 'pipelines', model)

async function apply(file: string, model: string) {
  const told: string[] = []
  const out = join(folder, `${file}.png`)
  const words = ['apply', '--diff', join(elsewhere, file), '--image', picture, '--out', out, '--json']
  const options = ['--model', modelFolder(model), '--prompt', 'a small dog', '--mode', 'parity']
  const report = await runCommandLine([...words, ...options], {
    modelsFolder: folder,
    runJob: (job) => worker.run(job),
    runScript: () => assert.fail('no script is to be run'),
    pull: () => assert.fail('nothing is to be pulled'),
    add: () => assert.fail('nothing is to be added'),
    tell: (sentence) => told.push(sentence),
  })
  return { report: JSON.parse(report), told, out }
}

let count = 0

async function importing(file: string, model: string, name = `Inversion ${count++}`) {
  const bytes = await readFile(join(elsewhere, file))
  const attachment = bot.discord.attach(bytes, { filename: file, content_type: 'application/octet-stream' })
  const interaction = bot.discord.slash('diffs import', { file: attachment, name }, owner)
  if (!file.endsWith('.safetensors')) return interaction
  const { job, done, failed } = await bot.work()
  const options = { ...job.options, model: modelFolder(model) }
  await worker.run({ ...(job as InspectJob), options }).then(done, failed)
  return interaction
}

for (const [file, model, notices] of [
  ['learned_embeds.safetensors', 'sd15', []],
  ['learned_embeds-vector.safetensors', 'sd15', []],
  ['learned_embeds-many.safetensors', 'sd21', []],
  ['advanced.safetensors', 'sd15', []],
  ['kohya-fp16.safetensors', 'sd15', []],
  ['kohya-bf16.safetensors', 'sd15', []],
  ['kohya-sdxl-fp16.safetensors', 'sdxl', []],
  ['sd3.safetensors', 'sdxl', [T5]],
] as const) {
  describe(file, () => {
    test('is applied from the command line', async () => {
      const { report, told, out } = await apply(file, model)
      assert.deepEqual([report.strength, report.preserve], [1, 1])
      assert.equal((await sharp(out).metadata()).format, 'png')
      assert.deepEqual(
        told,
        notices.map((notice) => `The difference ${notice}`),
      )
    })

    test('is imported in Discord, its values as they were', async () => {
      const interaction = await importing(file, model, 'Cat toy')
      await until(() => interaction.message && textOf(interaction.message).startsWith('Saved'), 'the end')
      for (const notice of notices) assert.ok(textOf(interaction.message!).includes(`The file ${notice}`))
      const saved = await bot.store.differences.get(guildId, 'Cat toy')
      await bot.store.forget(guildId)
      const { tensors } = decodeSafetensors(saved!.bytes, 'D')
      const found = Object.values(tensors).map(({ dims, data }) => ({ dims, data: [...data] }))
      const wanted = expected[file]!.map(({ dims, data }) => ({ dims, data: [...Float32Array.from(data)] }))
      assert.deepEqual(found, wanted)
    })
  })
}

describe('what cannot be used is refused with a sentence', () => {
  for (const [file, model, sentence] of [
    ['learned_embeds-sdxl.safetensors', 'sdxl', HALVES],
    ['learned_embeds_2-sdxl.safetensors', 'sdxl', HALVES],
    ['kohya-sdxl-fp16.safetensors', 'sd15', /has tokens of width 16 and 24 and does not fit “sd15”/],
    ['a1111.pt', 'sd15', PICKLE],
    ['a1111-old.pt', 'sd15', PICKLE],
    ['learned_embeds.bin', 'sd15', PICKLE],
  ] as const) {
    test(`${file} on ${model}`, async () => {
      const isOurs = (error: unknown) => error instanceof UserError && sentence.test(error.message)
      await assert.rejects(apply(file, model), isOurs)
      assert.ok(!(await readdir(folder)).some((name) => name.includes('.bin') || name.includes('.pt')))
      const interaction = await importing(file, model)
      const answers = () => [interaction.message, ...interaction.followUps].filter((message) => message !== undefined)
      await until(() => answers().some((message) => sentence.test(textOf(message))), 'the sentence')
    })
  }
})
