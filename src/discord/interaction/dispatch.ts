import { type AutocompleteInteraction, type Interaction, MessageFlags } from 'discord.js'
import { UserError } from '../../errors.ts'
import { createReply } from '../delivery/reply.ts'
import type { FollowUp, ResultAction } from '../delivery/result-action.ts'
import { sayIn } from '../language/say.ts'
import type { Call, Command, MenuCommand, Services } from './command.ts'
import { describe, sentenceOf } from './faults.ts'
import type { ActionInteraction, AnyInteraction } from './interactions.ts'
import { checkPlace, isAgeRestricted, personLimitOf } from './permission.ts'
import { isApart, scopeOf } from './scope.ts'

export interface DispatchOptions {
  readonly commands: readonly (Command | MenuCommand)[]
  readonly services: Services
  /** Receives our own faults, without tokens or addresses. */
  readonly log: (line: string) => void
  /** What a person must be told besides the answer, once. */
  readonly takeNote: (person: string) => Promise<string | undefined>
}

interface Dispatch {
  /** Never rejects. */
  readonly handle: (interaction: Interaction) => Promise<void>
  /** Resolves when every interaction so far has been answered. */
  readonly settled: () => Promise<void>
}

export function createDispatch({ commands, services, log, takeNote }: DispatchOptions): Dispatch {
  const byName = new Map(commands.map((command) => [command.data.name, command]))
  const actions = new Map(commands.flatMap((command) => Object.entries(command.actions ?? {})))
  const underWay = new Set<Promise<void>>()
  /** Buttons that were pressed, and have no ticket yet; by which call. */
  const claimed = new Map<string, string>()

  const callOf = createCallOf(services, claimed)

  /** The only catch. */
  const answer = async <Of extends AnyInteraction>(
    interaction: Of,
    name: string,
    work: (call: Call<Of>) => unknown,
  ) => {
    const call = callOf(interaction)
    try {
      await work(call)
      const note = interaction.deferred || interaction.replied ? await takeNote(call.person) : undefined
      if (note) await call.reply.whisper(note)
    } catch (error) {
      if (!(error instanceof UserError) || error.cause) log(`${name}: ${describe(error)}`)
      await call.reply.fail(sentenceOf(error))
    } finally {
      const press = pressOf(interaction)
      if (press !== undefined && claimed.get(press) === interaction.id) claimed.delete(press)
      await services.queue.release(interaction.id)
    }
  }

  const act = (interaction: ActionInteraction) => {
    const [word = '', ...rest] = interaction.customId.split(':')
    const action = actions.get(word)
    return answer(interaction, word, async (call) => {
      if (!action) throw new UserError('That button is from an older version of me and no longer does anything.')
      checkOwn(interaction)
      await action({ ...call, argument: rest.join(':') })
    })
  }

  const complete = async (interaction: AutocompleteInteraction) => {
    const command = byName.get(interaction.commandName)
    const choices =
      command && 'autocomplete' in command && command.autocomplete
        ? await command.autocomplete({
            ...services,
            interaction,
            scope: scopeOf(interaction),
            person: interaction.user.id,
            say: sayIn(interaction.locale),
          })
        : []
    await interaction.respond(choices.slice(0, 25))
  }

  const route = async (interaction: Interaction) => {
    if (interaction.isAutocomplete()) return complete(interaction)
    if (interaction.isButton() || interaction.isModalSubmit()) return act(interaction)
    if (interaction.isStringSelectMenu() || interaction.isChannelSelectMenu()) return act(interaction)
    if (!interaction.isChatInputCommand() && !interaction.isMessageContextMenuCommand()) return
    const command = byName.get(interaction.commandName)
    const name = `/${interaction.commandName}`
    if (interaction.isChatInputCommand()) {
      const execute = command && 'execute' in command ? command.execute : executeNothing
      return answer(interaction, name, execute)
    }
    return answer(interaction, name, command && 'executeMenu' in command ? command.executeMenu : executeNothing)
  }

  return {
    handle: async (interaction) => {
      const answered = route(interaction).catch((error: unknown) => {
        log(`An interaction could not be answered: ${describe(error)}`)
      })
      underWay.add(answered)
      await answered.finally(() => underWay.delete(answered))
    },
    settled: async () => void (await Promise.all(underWay)),
  }
}

/** What a command is given about an interaction. `claimed` is shared by all calls. */
function createCallOf(services: Services, claimed: Map<string, string>) {
  return <Of extends AnyInteraction>(interaction: Of): Call<Of> => {
    const scope = scopeOf(interaction)
    const person = interaction.user.id
    const { id } = interaction
    const reply = createReply(interaction, {
      mayOpen: async () => checkPlace(interaction, await services.store.settings.get(scope)),
      remember: (target) => services.queue.expect({ id, person, scope, followUp: { target }, placedAt: Date.now() }),
    })
    const place: Call['place'] = async (asked, action: ResultAction, source) => {
      const isForAdults = isAgeRestricted(interaction)
      const job = { ...asked, options: { ...asked.options, requiresSafetyCheck: !isForAdults } }
      const target = reply.target()
      const followUp: FollowUp = {
        target,
        action,
        isForAdults,
        press: pressOf(interaction),
        source: addressOf(interaction, source ?? pressedMessage(interaction)),
      }
      const limit = personLimitOf(interaction, await services.store.settings.get(scope))
      const ticket = { id, person, scope, job, followUp, placedAt: Date.now() }
      await services.queue.add(ticket, { person: limit })
    }
    const claim = async () => {
      const press = pressOf(interaction)
      if (press === undefined) return
      const isPlaced = async () =>
        (await services.queue.positions(scope)).some(({ ticket }) => ticket.followUp.press === press)
      if (claimed.has(press) || (await isPlaced())) throw new UserError('That is under way already.')
      claimed.set(press, interaction.id)
    }
    return { ...services, interaction, reply, scope, person, say: sayIn(interaction.locale), place, claim }
  }
}

/** Where a person brought the bot along, what it makes belongs to that person. @throws UserError for others */
function checkOwn(interaction: ActionInteraction): void {
  const owner = interaction.message?.interactionMetadata?.user
  if (!isApart(interaction) || !owner || owner.id === interaction.user.id) return
  throw new UserError('Here only the person who asked for this can use its buttons.')
}

const executeNothing = () => {
  throw new UserError('That command no longer exists; it will disappear from the list soon.')
}

/** Whoever pressed which button: the same once more, before the first has come to its end, is a mistake. */
const pressOf = (interaction: AnyInteraction): string | undefined =>
  interaction.isMessageComponent()
    ? [interaction.user.id, interaction.message.id, interaction.customId, ...valuesOf(interaction)].join(' ')
    : undefined

const valuesOf = (interaction: AnyInteraction) => (interaction.isStringSelectMenu() ? interaction.values : [])

/** The public message whose button was pressed. */
function pressedMessage(interaction: AnyInteraction): string | undefined {
  if (!interaction.isMessageComponent() && !(interaction.isModalSubmit() && interaction.isFromMessage()))
    return undefined
  const { message } = interaction
  return message.flags.has(MessageFlags.Ephemeral) ? undefined : message.id
}

/** Of a message in the same channel. */
const addressOf = ({ guildId, channelId }: AnyInteraction, message: string | undefined): string | undefined =>
  /^\d+$/.test(message ?? '') ? `https://discord.com/channels/${guildId ?? '@me'}/${channelId}/${message}` : undefined
