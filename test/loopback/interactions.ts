import type { Clock } from './clock.ts'
import { CommandType, checkChoice } from './definition-rules.ts'
import { checkForm, type Form } from './form-rules.ts'
import { type Message, type Messages, type Upload, unknownMessage } from './messages.ts'
import { ApiError, type Body, COMPONENTS_V2, EPHEMERAL, expect } from './rules.ts'
import { account, applicationId, type Owners, ownersOf, type Person, type World } from './world.ts'

// docs.discord.com/developers/interactions/receiving-and-responding

export const InteractionType = { Command: 2, Component: 3, Autocomplete: 4, Form: 5 } as const

export interface Choice {
  readonly name: string
  readonly value: string | number
}

export interface Interaction {
  readonly id: string
  readonly token: string
  readonly type: number
  readonly createdAt: number
  readonly channelId: string
  readonly person: Person
  /** By whose leave: the server's (0), and that of whoever has the app in the account (1). */
  readonly owners: Owners
  /** Milliseconds until the first answer. */
  answeredAfter?: number
  /** What `@original` means: the answer, or the message with the used button. */
  message?: Message
  readonly followUps: Message[]
  /** The answer to autocomplete. */
  choices?: readonly Choice[]
  /** The form that the person is shown. */
  form?: Form
}

/** What the answer to an interaction is told to be. */
const Callback = { Reply: 4, Defer: 5, DeferUpdate: 6, Update: 7, Choices: 8, Form: 9 } as const

/** 6 and 7 change the message of a button; a form knows it only where a button opened it. */
const allowed: Readonly<Record<number, readonly number[]>> = {
  [InteractionType.Command]: [Callback.Reply, Callback.Defer, Callback.Form],
  [InteractionType.Component]: [Callback.Reply, Callback.Defer, Callback.DeferUpdate, Callback.Update, Callback.Form],
  [InteractionType.Autocomplete]: [Callback.Choices],
  [InteractionType.Form]: [Callback.Reply, Callback.Defer, Callback.DeferUpdate, Callback.Update],
}

interface CallbackBody {
  readonly type: number
  readonly data?: Body & { readonly choices?: readonly Choice[] } & Partial<Form>
}

/** What the person did, beyond what `Interaction` tells. */
export interface Occasion {
  readonly type: number
  readonly person: Person
  /** The message whose button was used. */
  readonly source?: Message
  /** The message that a command of the menu was used on. */
  readonly target?: Message
  /** `CommandType`, for a command. */
  readonly commandType?: number
}

export type Interactions = ReturnType<typeof createInteractions>

const answerWithin = 3_000
/** Where only the person has the app. Whether the one that fills a deferred answer counts is not documented; it does here. */
const followUpsByAccount = 5
const isByAccount = (owners: Owners) => owners[0] === undefined
const tokenLivesFor = 15 * 60_000

/** @param withholdsDeferred Whether the answer to a defer has no message, as the documentation says; Discord sends it. */
export function createInteractions(
  { clock, world, messages }: { clock: Clock; world: World; messages: Messages },
  { withholdsDeferred = false } = {},
) {
  const byToken = new Map<string, Interaction & { readonly occasion: Occasion; asked: number }>()
  type Known = NonNullable<ReturnType<typeof byToken.get>>

  const start = (occasion: Occasion): Interaction => {
    const id = clock.nextId()
    const { type, person, source } = occasion
    const place = world.placeOf(person)
    const interaction: Known = {
      id,
      token: `token-${id}`,
      type,
      person,
      createdAt: clock.now(),
      followUps: [],
      asked: 0,
      occasion,
      channelId: place.id,
      // Whoever presses a button does so by the leave that its message was made with.
      owners: source?.origin?.authorizing_integration_owners ?? ownersOf(place, person),
      message: source && (messages.all.get(source.id) ?? source),
    }
    byToken.set(interaction.token, interaction)
    return interaction
  }

  /** What becomes of the message that answers: whose answer it is, and to what. */
  const answerOf = ({ id, type, person, owners, channelId, occasion }: Known, isFollowUp = false) => ({
    channelId,
    // 20 and 23 are answers to a command; to a button, 19.
    type: isFollowUp || occasion.source ? 19 : occasion.commandType === CommandType.Message ? 23 : 20,
    replyTo: (occasion.source ?? occasion.target)?.id,
    origin: { id, type, user: account(person.id), authorizing_integration_owners: owners },
  })

  const callback = (id: string | undefined, given: string | undefined, body: Body, uploads: readonly Upload[]) => {
    const { type, data = {} } = body as CallbackBody
    const interaction = byToken.get(given ?? '')
    const waited = interaction ? clock.now() - interaction.createdAt : 0
    if (!interaction || interaction.id !== id || waited > answerWithin) {
      throw new ApiError(404, 10062, 'Unknown interaction')
    }
    if (interaction.answeredAfter !== undefined) {
      throw new ApiError(400, 40060, 'Interaction has already been acknowledged.')
    }
    const types = allowed[interaction.type]!
    expect(types.includes(type), `type: Value must be one of {${types.join(', ')}}.`)
    enterChannel(interaction)
    // What is refused leaves the interaction unanswered.
    answer(interaction, { type, data }, uploads)
    interaction.answeredAfter = waited
    return responseTo(interaction, type)
  }

  /** An app that only its user has answers that user alone where the user may not use external apps in public. */
  const visibilityOf = ({ owners, person }: Known, { flags = 0 }: Body): number =>
    isByAccount(owners) && person.isQuiet ? EPHEMERAL : flags & EPHEMERAL

  const answer = (interaction: Known, { type, data = {} }: CallbackBody, uploads: readonly Upload[]): void => {
    const flags = visibilityOf(interaction, data)
    if (type === Callback.Reply) {
      interaction.message = messages.send(messages.create(answerOf(interaction), flags), data, uploads)
    } else if (type === Callback.Defer) {
      // Whether Discord refuses or forgets other flags is not documented; they do nothing.
      expect(!((data.flags ?? 0) & COMPONENTS_V2), 'flags: only EPHEMERAL for a defer')
      interaction.message = messages.create({ ...answerOf(interaction), isThinking: true }, flags)
    } else if (type === Callback.Update) {
      if (!interaction.message || interaction.message.isDeleted) unknownMessage()
      messages.write(interaction.message, data, uploads)
    } else if (type === Callback.Choices) {
      const choices = data.choices ?? []
      expect(choices.length <= 25, 'choices: Must be 25 or fewer in length.')
      for (const choice of choices) checkChoice(choice)
      interaction.choices = choices
    } else if (type === Callback.Form) {
      const form = { title: '', custom_id: '', ...data, components: data.components ?? [] }
      checkForm(form)
      interaction.form = form
    }
  }

  const responseTo = ({ id, type: kind, message }: Known, type: number) => {
    const isOwn = type === Callback.Reply || type === Callback.Defer
    const tells = type === Callback.Reply || type === Callback.Update || (type === Callback.Defer && !withholdsDeferred)
    return {
      interaction: {
        id,
        type: kind,
        ...(message && isOwn && { response_message_id: message.id }),
        ...(message && isOwn && { response_message_loading: message.isThinking }),
        ...(message && isOwn && { response_message_ephemeral: (message.flags & EPHEMERAL) !== 0 }),
      },
      resource: { type, ...(message && tells && { message: messages.view(message) }) },
    }
  }

  const alive = (application: string | undefined, given: string | undefined): Known => {
    const interaction = byToken.get(given ?? '')
    if (application !== applicationId) throw new ApiError(404, 10015, 'Unknown Webhook')
    if (!interaction || clock.now() - interaction.createdAt > tokenLivesFor) {
      throw new ApiError(401, 50027, 'Invalid Webhook Token')
    }
    if (interaction.answeredAfter === undefined) throw new ApiError(404, 10015, 'Unknown Webhook')
    enterChannel(interaction)
    return interaction
  }

  /** The token needs no rights of the bot's, but a channel. That it fails with 10003 is by memory. */
  const enterChannel = ({ channelId }: Interaction): void => {
    if (world.channel(channelId)?.isDeleted) throw new ApiError(404, 10003, 'Unknown Channel')
  }

  /** A message that the token may read, change and take away. */
  const messageOf = (interaction: Known, id: string | undefined): Message => {
    const { message, followUps, form } = interaction
    const found = /^(@|%40)original$/.test(id ?? '')
      ? !form && message
      : [message, ...followUps].find((one) => one?.id === id)
    return found && !found.isDeleted ? found : unknownMessage()
  }

  const followUp = (interaction: Known, body: Body, uploads: readonly Upload[]): Message => {
    const { message, owners } = interaction
    interaction.asked++
    if (isByAccount(owners) && interaction.asked > followUpsByAccount) {
      throw new ApiError(400, 40094, 'This interaction has hit the maximum number of follow up messages.')
    }
    // The first follow-up to an unanswered defer becomes its answer, and as public as the defer was.
    if (message?.isThinking && !message.isDeleted) return messages.write(message, body, uploads)
    const created = messages.create(answerOf(interaction, true), visibilityOf(interaction, body))
    interaction.followUps.push(messages.send(created, body, uploads))
    return created
  }

  /** The largest file of an answer by this path, if that depends on the person. */
  const limitOf = (path: string): number | undefined =>
    byToken.get(/\/(token-\d+)/.exec(path)?.[1] ?? '')?.person.fileLimitBytes

  return { start, callback, alive, messageOf, followUp, limitOf }
}
