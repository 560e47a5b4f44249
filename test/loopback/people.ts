import type { Commands } from './commands.ts'
import { CommandType, type OptionDefinition, OptionType } from './definition-rules.ts'
import type { Attachment, Files } from './files.ts'
import { answersTo, type FieldValue } from './form.ts'
import type { Gateway } from './gateway.ts'
import { type Interaction, type Interactions, InteractionType, type Occasion } from './interactions.ts'
import type { Message, Messages } from './messages.ts'
import { checkGiven, type Given, resolvedOf } from './options.ts'
import { type Component, ComponentType, flatten, selects } from './rules.ts'
import {
  account,
  applicationId,
  appPermissions,
  channelId,
  channelView,
  contextOf,
  membership,
  owner,
  type Person,
  stranger,
  type World,
} from './world.ts'

export interface PeopleParts {
  readonly world: World
  readonly files: Files
  readonly messages: Messages
  readonly interactions: Interactions
  readonly commands: Commands
  readonly gateway: Gateway
  /** What the bot is told to be the limit of a file, in bytes. */
  readonly fileLimit: () => number
}

/** What a button is known by. */
export type ButtonName = string | { readonly customId: string }

export interface Written {
  readonly content?: string
  readonly attachments?: readonly Attachment[]
  readonly embeds?: readonly object[]
  readonly components?: readonly Component[]
  /** @default stranger */
  readonly by?: Person
}

export type People = ReturnType<typeof createPeople>

/**
What people do. Like Discord's app it sends only what the command, the message or the form allows, and throws otherwise;
a command that is not registered is sent as it is, as by an app that has not heard of the change.
*/
export function createPeople({ world, files, messages, interactions, commands, gateway, fileLimit }: PeopleParts) {
  const interact = (occasion: Occasion, data: object): Interaction => {
    const { type, person, source } = occasion
    const channel = world.placeOf(person)
    const { guild } = channel
    const interaction = interactions.start(occasion)
    const { id, token, owners } = interaction
    if (guild && Object.keys(owners).length === 0) throw new Error(`The bot is not on ${guild.name}.`)
    const user = account(person.id)
    gateway.dispatch('INTERACTION_CREATE', {
      id,
      type,
      data,
      token,
      application_id: applicationId,
      version: 1,
      entitlements: [],
      locale: person.locale ?? 'en-US',
      attachment_size_limit: person.fileLimitBytes ?? fileLimit(),
      authorizing_integration_owners: owners,
      channel_id: channel.id,
      channel: channelView(channel),
      app_permissions: appPermissions(channel),
      ...(guild
        ? {
            guild_id: guild.id,
            guild: { id: guild.id, locale: guild.locale, features: [] },
            guild_locale: guild.locale,
            context: 0,
            member: { user, ...membership(person, guild.members.get(person.id)) },
          }
        : { user, context: contextOf(channel) }),
      ...(source && { message: messages.view(source) }),
    })
    return interaction
  }

  const find = (name: string, type: number, who: Person) => {
    const place = world.placeOf(who)
    const command = commands.find(name, type, place.guild?.id)
    const { contexts, integration_types: types } = command ?? {}
    const isForHere = !contexts || contexts.includes(contextOf(place))
    const isForAccounts = who.hasInstalled && types?.includes(1)
    const isAmongUs = place.guild?.isJoined || place.recipientId !== undefined
    if (!isForHere || (command && !isAmongUs && !isForAccounts)) throw new Error(`/${name} is not for here.`)
    return command
  }

  /** `name` may name a subcommand: `diffs show`. */
  const command = (
    name: string,
    options: Readonly<Record<string, Given | undefined>>,
    who: Person,
    focused?: string,
  ) => {
    const [root = '', ...path] = name.split(' ')
    const known = find(root, CommandType.ChatInput, who)
    let definitions: readonly OptionDefinition[] = known?.options ?? []
    for (const step of path) {
      const inner = definitions.find((option) => option.name === step)
      if (known && !inner) throw new Error(`There is no /${name}.`)
      definitions = inner?.options ?? []
    }
    const given = Object.entries(options).flatMap(([key, value]) => (value === undefined ? [] : [{ key, value }]))
    if (known) checkGiven(`/${name}`, definitions, given, focused)
    const typed = given.map(({ key, value }) => {
      const type = definitions.find((option) => option.name === key)?.type
      return { name: key, type, value, ...(key === focused && { focused: true }) }
    })
    const sent = typed.map((one) => ({ ...one, value: typeof one.value === 'object' ? one.value.id : one.value }))
    const nested = path.reduceRight<object[]>((inner, step, index) => {
      const type = index < path.length - 1 ? OptionType.SubcommandGroup : OptionType.Subcommand
      return [{ name: step, type, options: inner }]
    }, sent)
    return {
      id: known?.id ?? applicationId,
      name: root,
      type: CommandType.ChatInput,
      options: nested,
      resolved: resolvedOf(typed, world, world.placeOf(who).guild),
    }
  }

  /** Where the message is. */
  const at = ({ channelId }: Message, who: Person): Person => {
    const isDirect = world.channel(channelId)?.recipientId !== undefined
    return { ...who, isDirect, channelId }
  }

  const use = (message: Message, component: Component, who: Person, data: object = {}): Interaction => {
    if (component.disabled) throw new Error(`${component.label ?? component.custom_id} is disabled.`)
    const occasion = { type: InteractionType.Component, person: at(message, who), source: message }
    return interact(occasion, { component_type: component.type, custom_id: component.custom_id, ...data })
  }

  return {
    /** Runs a slash command; attachments among `options` are recognised by their url. */
    slash: (name: string, options: Readonly<Record<string, Given | undefined>>, who: Person = owner): Interaction =>
      interact(
        { type: InteractionType.Command, person: who, commandType: CommandType.ChatInput },
        command(name, options, who),
      ),

    /** Types into an option with autocomplete; what is suggested will be the interaction's `choices`. */
    complete: (
      name: string,
      option: string,
      typed: string | number,
      { who = owner, options = {} }: { who?: Person; options?: Readonly<Record<string, Given>> } = {},
    ): Interaction =>
      interact(
        { type: InteractionType.Autocomplete, person: who },
        command(name, { ...options, [option]: typed }, who, option),
      ),

    /** Uses a command of a message's menu. */
    menu: (name: string, message: Message, who: Person = owner): Interaction => {
      const person = at(message, who)
      const id = find(name, CommandType.Message, person)?.id ?? applicationId
      const resolved = { messages: { [message.id]: messages.view(message) } }
      return interact(
        { type: InteractionType.Command, person, target: message, commandType: CommandType.Message },
        { id, name, type: CommandType.Message, target_id: message.id, resolved },
      )
    },

    /** Presses the button with this label. */
    press: (message: Message, name: ButtonName, who: Person = owner): Interaction => {
      const isMeant = ({ label, custom_id }: Component) =>
        typeof name === 'string' ? label === name : custom_id === name.customId
      const button = flatten(message.components).find((one) => one.type === ComponentType.Button && isMeant(one))
      if (!button?.custom_id) throw new Error(`There is no button ${typeof name === 'string' ? name : name.customId}.`)
      return use(message, button, who)
    },

    /** Chooses from the select menu of this `customId`, or from the first. */
    choose: (message: Message, values: readonly string[], who: Person = owner, customId?: string): Interaction => {
      const select = flatten(message.components).find(
        ({ type, custom_id }) => selects.includes(type) && (customId === undefined || custom_id === customId),
      )
      if (!select) throw new Error(`There is no select menu ${customId ?? ''}.`)
      const { min_values = 1, max_values = 1, options } = select
      if (values.length < min_values || values.length > max_values)
        throw new Error(`Choose ${min_values}–${max_values}.`)
      const strange = options && values.find((value) => !options.some((option) => option.value === value))
      if (strange !== undefined) throw new Error(`There is no choice ${strange}.`)
      const kind = { [ComponentType.ChannelSelect]: OptionType.Channel, [ComponentType.UserSelect]: OptionType.User }
      const chosen = values.map((value) => ({ type: kind[select.type as keyof typeof kind], value }))
      return use(message, select, who, {
        values,
        resolved: resolvedOf(chosen, world, world.channel(message.channelId)?.guild),
      })
    },

    /** Fills in the form that answered `opened`, by the `custom_id`s of its fields, and sends it. */
    submit: (opened: Interaction, values: Readonly<Record<string, FieldValue>>, who = opened.person): Interaction => {
      if (!opened.form) throw new Error('There is no form to fill in.')
      const source = opened.type === InteractionType.Component ? opened.message : undefined
      const { components, attachments } = answersTo(opened.form, values)
      const resolved = { attachments: Object.fromEntries(attachments.map((one) => [one.id, one])) }
      const person = source ? at(source, who) : who
      return interact(
        { type: InteractionType.Form, person, source },
        { custom_id: opened.form.custom_id, components, resolved },
      )
    },

    /** Writes a message of one's own. */
    post: ({ by = stranger, attachments = [], ...written }: Written, where: Person = by): Message => {
      const message = messages.create({ channelId: world.placeOf(where).id, authorId: by.id })
      const kept = attachments.flatMap(({ id }) => files.get(id) ?? [])
      message.files = kept.map((file) => files.keep({ ...file, channelId: message.channelId, isEphemeral: false }))
      return Object.assign(message, written)
    },

    /** Uploads a file for a command, a form or a message; what is claimed of it may differ from what it is. */
    attach: (
      bytes: Uint8Array,
      { redirect, ...claims }: Partial<Omit<Attachment, 'id'>> & { readonly redirect?: string } = {},
    ): Attachment => {
      const { filename: name = 'picture.png', content_type: contentType = 'image/png' } = claims
      const file = files.keep({ name, bytes, contentType, channelId, redirect, alt: '', isEphemeral: true })
      return { ...files.view(file), ...claims }
    },
  }
}
