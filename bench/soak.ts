/**
 * Kills the unchanged bot process at random moments, with SIGKILL, while people ask it for analogies on a loopback Discord,
 * and tells what became of every call that it acknowledged: `npx node bench/soak.ts [KILLS] [SEED]`, 80 and 0 if absent.
 * Ends with 1 if a call was lost or answered twice, or if a job was given up without *Try again*.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createRandom } from '../src/tensor/random.ts'
import {
  type Interaction,
  type Message,
  moderator,
  outsider,
  owner,
  startLoopback,
  stranger,
  textOf,
  token,
  until,
} from '../test/loopback/discord.ts'
import { type BotProcess, startProcess } from '../test/loopback/process.ts'
import { flatten } from '../test/loopback/rules.ts'
import { uploadExample } from '../test/loopback/storm.ts'

const minutes = 60_000
const kills = Number(process.argv[2] ?? 80)
const { uniform } = createRandom(Number(process.argv[3] ?? 0))
const people = [owner, stranger, moderator, outsider, { ...owner, isDirect: true }]

const folder = mkdtempSync(join(tmpdir(), 'isto-'))
const discord = await startLoopback()
const sent: Interaction[] = []
let bot = await start()
for (let kill = 0; kill < kills; kill++) {
  const interaction = ask(kill)
  // Two of three are killed in the middle of work, the third while it is being acknowledged.
  if (kill % 3 === 2) await sleep(100 * uniform())
  else {
    // On a busy machine one may come too late, and Discord has told the person.
    await until(() => isAcknowledged(interaction), 'an acknowledgement', 5000).catch(() => {})
    await sleep(8000 * uniform())
  }
  bot.child.kill('SIGKILL')
  await bot.ended
  bot = await start()
  console.error(`${kill + 1} of ${kills} kills`)
}
await until(
  () => sent.filter(isAcknowledged).every((one) => fateOf(one) !== 'lost'),
  'the last answer',
  10 * minutes,
).catch((error: Error) => console.error(error.message))
const outcomes = report()
const retried = await tryAgain()
bot.child.kill('SIGKILL')
await bot.ended
await discord.close()
rmSync(folder, { recursive: true })
console.log(JSON.stringify({ kills, ...outcomes, retried }))
process.exitCode = outcomes.lost || outcomes.doubled || outcomes.withoutRetry || retried === false ? 1 : 0

async function start(): Promise<BotProcess> {
  const started = startProcess({
    DISCORD_TOKEN: token,
    DISCORD_API_URL: discord.apiUrl,
    ATTACHMENT_HOSTS: discord.origin,
    DATA_DIR: folder,
    LOG_LEVEL: 'warn',
  })
  const { identified } = discord.sessions()
  await until(() => discord.sessions().identified > identified, `a session: ${started.output()}`, 2 * minutes)
  return started
}

function ask(index: number): Interaction {
  // Every other one asks for two variants.
  const options = { ...uploadExample(discord), seed: index, strength: 1, preserve: 1, variants: 1 + (index % 2) }
  const interaction = discord.slash('analogy', options, people[index % people.length])
  sent.push(interaction)
  return interaction
}

function isAcknowledged({ answeredAfter }: Interaction): boolean {
  return answeredAfter !== undefined
}

/** Every message with a button of this action for this call. */
function messagesWith(action: string, { id }: Interaction): readonly Message[] {
  return [...discord.messages.values()].filter(
    (message) =>
      !message.isDeleted && flatten(message.components).some(({ custom_id }) => custom_id === `${action}:${id}`),
  )
}

type Fate = 'done' | 'given up' | 'sent back' | 'refused' | 'lost'

/** What the person was left with. */
function fateOf(interaction: Interaction): Fate {
  if (messagesWith('save', interaction).length > 0) return 'done'
  if (messagesWith('retry', interaction).length > 0) return 'given up'
  const { message, followUps } = interaction
  if (message && /please send it again/i.test(textOf(message))) return 'sent back'
  return followUps.length > 0 ? 'refused' : 'lost'
}

function report() {
  const acknowledged = sent.filter(isAcknowledged)
  const count = (fate: Fate) => acknowledged.filter((one) => fateOf(one) === fate).length
  const gaveUp = [...discord.messages.values()].filter((one) => /interrupted twice/.test(textOf(one)))
  const hasRetry = (message: Message) =>
    flatten(message.components).some(({ custom_id }) => custom_id?.startsWith('retry:'))
  return {
    acknowledged: acknowledged.length,
    done: count('done'),
    givenUp: count('given up'),
    sentBack: count('sent back'),
    refused: count('refused'),
    lost: count('lost'),
    doubled: acknowledged.filter((one) => messagesWith('save', one).length + messagesWith('retry', one).length > 1)
      .length,
    withoutRetry: gaveUp.filter((message) => !hasRetry(message)).length,
  }
}

/** Whether the button under a job that was given up brings its result; undefined where none was. */
async function tryAgain(): Promise<boolean | undefined> {
  const given = sent.find((one) => isAcknowledged(one) && fateOf(one) === 'given up')
  if (!given) return undefined
  const again = discord.press(messagesWith('retry', given)[0]!, 'Try again', given.person)
  return until(() => messagesWith('save', again).length > 0, 'what was tried again', 5 * minutes).then(
    () => true,
    () => false,
  )
}
