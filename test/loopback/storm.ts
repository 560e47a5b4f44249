import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  admin,
  type Interaction,
  type Loopback,
  moderator,
  outsider,
  owner,
  type Person,
  stranger,
  until,
} from './discord.ts'

/** A, A′ and B of one of the examples, uploaded. The default is one that has to be learned, which takes some seconds. */
export function uploadExample(discord: Loopback, example = '09-grinning-to-crying') {
  const upload = (name: string) => discord.attach(readFileSync(`examples/${example}/${name}.png`))
  return { a: upload('a'), a2: upload('a2'), b: upload('b') }
}

const people: readonly Person[] = [owner, stranger, moderator, admin, outsider, { ...owner, isDirect: true }]

/** `/analogy` many times, evenly over `seconds`, from five people on two servers. Resolves when all are acknowledged. */
export async function storm(discord: Loopback, commands: number, seconds: number): Promise<readonly Interaction[]> {
  const started = performance.now()
  const sent: Interaction[] = []
  for (let index = 0; index < commands; index++) {
    const who = people[index % people.length]!
    sent.push(discord.slash('analogy', { ...uploadExample(discord), seed: index }, who))
    await sleep(Math.max(0, started + ((index + 1) * seconds * 1000) / commands - performance.now()))
  }
  await until(() => sent.every(({ answeredAfter }) => answeredAfter !== undefined), 'the last acknowledgement')
  return sent
}
