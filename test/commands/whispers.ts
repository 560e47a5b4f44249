import assert from 'node:assert/strict'
import type { SavedDifference } from '../../src/store/differences.ts'
import type { Store } from '../../src/store/open.ts'
import type { ServerSettings } from '../../src/store/settings.ts'
import { guildId, type Interaction, type Message, owner, textOf, until } from '../loopback/discord.ts'
import { type Component, EPHEMERAL, flatten } from '../loopback/rules.ts'

/** What the person alone sees, once it is there: the newest answer, or the private message that was used. */
export async function privateAnswer(interaction: Interaction): Promise<Message> {
  const find = () =>
    [...interaction.followUps, interaction.message].find(
      (one) => one && one.flags & EPHEMERAL && !one.isThinking && !one.isDeleted,
    )
  await until(find, 'an answer for the person alone')
  return find()!
}

/** The text of a new answer to the person alone, when nothing of the interaction is left in public. */
export async function whisperOf(interaction: Interaction): Promise<string> {
  const isAnswer = ({ origin }: Message) => (origin as { readonly id: string } | undefined)?.id === interaction.id
  const find = () => [interaction.followUps.at(-1), interaction.message].find((one) => one && isAnswer(one))
  const isThere = () => {
    const answer = find()
    return answer && !answer.isThinking && !answer.isDeleted && answer.flags & EPHEMERAL
  }
  await until(isThere, 'an answer for the person alone')
  const { message } = interaction
  assert.ok(!message || !isAnswer(message) || message.isDeleted || message.flags & EPHEMERAL, 'nothing stays in public')
  return textOf(find()!)
}

/** A new message to the person alone. To be asked for at once after the interaction. */
export async function answerTo(interaction: Interaction): Promise<Message> {
  const source = interaction.message
  let answer: Message | undefined
  await until(() => {
    answer = interaction.followUps.at(-1) ?? (interaction.message === source ? undefined : interaction.message)
    return answer && !answer.isThinking
  }, 'an answer')
  assert.ok(answer!.flags & EPHEMERAL, 'the answer is for the person alone')
  return answer!
}

/** What became of the message that was used. To be asked for at once after the interaction. */
export async function turned({ message }: Interaction): Promise<Message> {
  const { edits } = message!
  await until(() => message!.edits > edits, 'another page')
  return message!
}

/** The public answer, once its job has ended. */
export async function resultOf({ message }: Interaction): Promise<Message> {
  await until(() => message && !message.isThinking && !buttonsOf(message).includes('Cancel'), 'the end of a job')
  assert.ok(message && !(message.flags & EPHEMERAL), 'the answer is public')
  return message
}

/** Back to what a server has that never set anything. */
export const unset = (store: Store, scope = guildId): Promise<ServerSettings> =>
  store.settings.change(scope, {
    model: undefined,
    strength: undefined,
    savers: undefined,
    channels: undefined,
    limit: undefined,
    keepPairs: undefined,
    personLimit: undefined,
    roleLimits: undefined,
    blocked: undefined,
    auditChannel: undefined,
    ageRestrictedOnly: undefined,
  })

/** The form that the person is shown. */
export async function formOf(interaction: Interaction): Promise<Interaction> {
  await until(() => interaction.answeredAfter !== undefined, 'an answer')
  assert.ok(interaction.form, `a form, not ${interaction.message && textOf(interaction.message)}`)
  return interaction
}

/** A form that was changed by whoever sends it. */
export const forgedForm = (opened: Interaction, customId: string): Interaction => ({
  ...opened,
  form: { ...opened.form!, custom_id: customId },
})

/** A message with a button that the bot never put there. */
export const forgedButton = (message: Message, customId: string): Message => ({
  ...message,
  components: [{ type: 1, components: [{ type: 2, style: 2, label: 'Forged', custom_id: customId }] }],
})

/** Labels; one that can't be pressed is marked. */
export const buttonsOf = ({ components }: Message): readonly string[] =>
  flatten(components).flatMap(({ type, label, disabled }) =>
    type === 2 && label ? `${label}${disabled ? ' (off)' : ''}` : [],
  )

/** Of the first select menu. */
export const choicesOf = ({ components }: Message): readonly NonNullable<Component['options']>[number][] =>
  flatten(components).find(({ type }) => type === 3)?.options ?? []

/** A difference to put into the store. */
export const savedAs = (name: string, change: Partial<SavedDifference> = {}): SavedDifference => ({
  name,
  bytes: Uint8Array.of(7, 7, 7),
  person: owner.id,
  at: 1_000,
  pictures: {},
  facts: { model: 'emoji', mode: 'fast', seed: 5, strength: 1.25, preserve: 0.5, version: '0' },
  ...change,
})

export const jpeg = (...bytes: readonly number[]): Uint8Array => Uint8Array.of(0xff, 0xd8, 0xff, ...bytes)

export const person = '400000000000000001'

export function save(store: Store, scope: string, name: string, given: Partial<SavedDifference> = {}): Promise<void> {
  return store.differences.save(scope, {
    name,
    bytes: new Uint8Array([1, 2, 3]),
    person,
    at: Date.UTC(2026, 0, 2),
    facts: {
      model: 'emoji',
      mode: 'fast',
      seed: 7,
      fit: 0.83,
      verdict: 'well',
      caption: { a: 'a cat', a2: 'a cat, framed' },
    },
    pictures: { a: png(1), a2: png(2), pair: png(3), loss: png(4) },
    ...given,
  })
}

export const png = (byte: number): Uint8Array => new Uint8Array([byte])
