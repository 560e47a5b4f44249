import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Job, JobResult, Progress } from '../../../src/jobs/protocol.ts'
import { startWorker, type Worker } from '../../../src/jobs/worker-client.ts'
import { modelWith } from '../../fixtures/model-with.ts'
import { type Bot, startBot } from '../../loopback/bot.ts'
import {
  ageRestrictedChannelId,
  channelId,
  galleryOf,
  guildId,
  owner,
  type Person,
  textOf,
} from '../../loopback/discord.ts'
import { EPHEMERAL } from '../../loopback/rules.ts'

// A real model with a safety checker that fires at everything, or at nothing, behind the whole bot.

const example = (name: string) => readFile(join(import.meta.dirname, '../../../examples/02-orange-to-purple', name))

let bot: Bot
let worker: Worker
const models: Partial<Record<'always' | 'never', Awaited<ReturnType<typeof modelWith>>>> = {}
before(async () => {
  bot = await startBot()
  worker = startWorker({ path: new URL('../../../src/worker/main.ts', import.meta.url) })
  for (const name of ['always', 'never'] as const) models[name] = await modelWith('sd15', `vision/safety-${name}`)
})
after(async () => {
  await bot.close()
  await worker.close()
  for (const { remove } of Object.values(models)) await remove()
})

/** `/analogy`, done by the real worker. */
async function analogy(checker: 'always' | 'never', by: Person = owner) {
  const [a, a2, b] = await Promise.all(['a.png', 'a2.png', 'b.png'].map(example))
  const pictures = { a: bot.discord.attach(a!), a2: bot.discord.attach(a2!), b: bot.discord.attach(b!) }
  const interaction = bot.discord.slash('analogy', { ...pictures, strength: 1, preserve: 1 }, by)
  const { job, done, progress } = await bot.work()
  const previews: Progress[] = []
  const result = await run({ ...job, options: { ...job.options, model: models[checker]!.folder, steps: 2 } }, (one) => {
    if (one.preview) previews.push(one)
    progress(one)
  })
  done({ image: undefined, difference: undefined, ...result })
  await bot.settled()
  return { interaction, previews, result }
}

const run = (job: Job, onProgress: (progress: Progress) => void): Promise<JobResult> => worker.run(job, { onProgress })

for (const [where, by] of [
  ['an ordinary channel', owner],
  ['a direct message', { ...owner, isDirect: true }],
] as const) {
  test(`in ${where} a withheld picture is a sentence to the person alone`, async () => {
    const { interaction, previews, result } = await analogy('always', by)
    assert.deepEqual(Object.keys(result).sort(), ['notices', 'report', 'withheld'])
    assert.deepEqual(previews, [])
    const said = interaction.followUps[0]!
    assert.match(textOf(said), /^The model’s safety checker thinks that B′ is not for everyone/)
    assert.ok(said.flags & EPHEMERAL)
    assert.ok(interaction.message!.isDeleted)
    const shown = [...bot.discord.messages.values()].filter(({ isDeleted }) => !isDeleted)
    assert.ok(
      shown.every(({ files }) => files.length === 0),
      'no picture is posted anywhere',
    )
  })
}

test('nothing of it is kept', async () => {
  assert.equal(await bot.store.results.latest(guildId, channelId, owner.id), undefined)
  assert.deepEqual(await bot.store.tickets.all(), [])
})

test('in an age-restricted channel the same picture is shown', async () => {
  const { interaction, result } = await analogy('always', { ...owner, channelId: ageRestrictedChannelId })
  assert.equal(result.withheld, undefined)
  assert.equal(galleryOf(interaction.message!).length, 4)
})

test('what the checker lets pass is shown everywhere, and not before it is whole', async () => {
  const { interaction, previews } = await analogy('never')
  assert.equal(galleryOf(interaction.message!).length, 4)
  assert.deepEqual(previews, [])
})

test('a button asks again where it is pressed', async () => {
  const { interaction } = await analogy('never', { ...owner, channelId: ageRestrictedChannelId })
  const { done: end, job } = await press(interaction.message!, { ...owner, channelId: ageRestrictedChannelId })
  assert.equal(job.options.requiresSafetyCheck, false)
  end()
  await bot.settled()
})

async function press(message: Parameters<Bot['discord']['press']>[0], by: Person) {
  bot.discord.press(message, 'Again', by)
  return bot.work()
}
