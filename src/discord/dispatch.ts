import type {
  ChatInputCommandInteraction,
  Interaction,
  RESTPostAPIChatInputApplicationCommandsJSONBody,
} from 'discord.js'
import { UserError } from '../errors.ts'
import type { Queue } from '../jobs/queue.ts'
import type { AttachmentOption } from './attachments.ts'
import { createCancellations, Stopped } from './cancel.ts'
import { createReply, type Reply } from './reply.ts'

export interface Command {
  readonly data: RESTPostAPIChatInputApplicationCommandsJSONBody
  /**
  Cheap checks first, then `reply.open()`, within 3 s of the call; then the work. Whatever it throws is told to the
  person: a `UserError` as it is, anything else as a plain sentence.
  */
  readonly execute: (call: Call) => Promise<void>
}

export interface Call extends Services {
  readonly interaction: ChatInputCommandInteraction
  readonly reply: Reply
}

/** What commands work with; chosen in main. */
export interface Services {
  readonly queue: Queue
  /** The checked bytes of an attachment; `label` names it to the person. */
  readonly fetchAttachment: (label: string, attachment: AttachmentOption) => Promise<Uint8Array>
  /** The model to use, as in `JobOptions`. */
  readonly model: string
}

export interface DispatchOptions {
  readonly commands: readonly Command[]
  readonly services: Services
  /** Gets faults of ours, without tokens or addresses. */
  readonly log: (line: string) => void
  /** The least time between two progress edits. @default 3000 */
  readonly everyMilliseconds?: number
}

export interface Dispatch {
  /** Never rejects. */
  readonly handle: (interaction: Interaction) => Promise<void>
  /** Resolves when every interaction so far has been answered. */
  readonly settled: () => Promise<void>
}

export function createDispatch({ commands, services, log, everyMilliseconds }: DispatchOptions): Dispatch {
  const byName = new Map(commands.map((command) => [command.data.name, command]))
  const cancellations = createCancellations()
  const underWay = new Set<Promise<void>>()

  const run = async (interaction: ChatInputCommandInteraction) => {
    const reply = createReply(interaction, { cancellations, everyMilliseconds })
    try {
      const command = byName.get(interaction.commandName)
      if (!command) throw new UserError('I no longer know that command; it will vanish from the list in a while.')
      await command.execute({ ...services, interaction, reply })
    } catch (error) {
      if (!isForPeople(error) || error.cause) log(`/${interaction.commandName}: ${describe(error)}`)
      await reply.fail(sentence(error), error instanceof Stopped)
    }
  }

  const answer = async (interaction: Interaction) => {
    try {
      if (interaction.isChatInputCommand()) await run(interaction)
      else if (interaction.isButton()) await cancellations.press(interaction)
    } catch (error) {
      log(`An answer could not be given: ${describe(error)}`)
    }
  }

  return {
    handle: async (interaction) => {
      const answered = answer(interaction)
      underWay.add(answered)
      await answered.finally(() => underWay.delete(answered))
    },
    settled: async () => void (await Promise.all(underWay)),
  }
}

const isForPeople = (error: unknown): error is Error => error instanceof UserError || error instanceof Stopped

const sentence = (error: unknown) =>
  isForPeople(error)
    ? error.message
    : 'Something went wrong on my side, and it has been written down. Please try again.'

/** A fault for the log. Errors of discord.js carry the address, and in it the interaction's token; neither is kept. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return withoutAddresses(String(error))
  const causes = error instanceof AggregateError ? error.errors : error.cause === undefined ? [] : [error.cause]
  const code = 'code' in error ? ` (${String(error.code)})` : ''
  return [`${withoutAddresses(error.stack ?? error.message)}${code}`, ...causes.map(describe)].join('\ncaused by ')
}

const withoutAddresses = (text: string) => text.replaceAll(/https?:\/\/\S+/g, '<address>')
