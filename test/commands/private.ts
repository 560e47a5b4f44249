import assert from 'node:assert/strict'
import type { SavedDifference } from '../../src/store/differences.ts'
import type { Store } from '../../src/store/open.ts'
import { type Interaction, type Message, until } from '../loopback/discord.ts'
import { EPHEMERAL, flatten } from '../loopback/rules.ts'

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

export const buttonsOf = ({ components }: Message): readonly string[] =>
  flatten(components).flatMap(({ type, label, disabled }) => (type === 2 ? `${label}${disabled ? ' (off)' : ''}` : []))

/** The same message with one button, which does what a hostile app says. */
export const forged = (message: Message, customId: string): Message => ({
  ...message,
  components: [{ type: 1, components: [{ type: 2, style: 2, label: 'Forged', custom_id: customId }] }],
})

export const person = '400000000000000001'

export function save(store: Store, scope: string, name: string, given: Partial<SavedDifference> = {}): Promise<void> {
  return store.differences.save(scope, {
    ...{ name, bytes: new Uint8Array([1, 2, 3]), person, at: Date.UTC(2026, 0, 2) },
    facts: { model: 'emoji', mode: 'fast', seed: 7, fit: 0.83, caption: { a: 'a cat', a2: 'a cat, framed' } },
    pictures: { a: png(1), a2: png(2), pair: png(3), loss: png(4) },
    ...given,
  })
}

export const png = (byte: number): Uint8Array => new Uint8Array([byte])
