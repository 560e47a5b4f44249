import type {
  AutocompleteInteraction,
  ChatInputCommandInteraction,
  MessageContextMenuCommandInteraction,
  RESTPostAPIApplicationCommandsJSONBody,
} from 'discord.js'
import type { Job } from '../../jobs/protocol.ts'
import type { Queue } from '../../jobs/ticket.ts'
import type { Store } from '../../store/open.ts'
import type { Reply } from '../delivery/reply.ts'
import type { FollowUp, ResultAction } from '../delivery/result-action.ts'
import type { Say } from '../language/say.ts'
import type { AttachmentOption, FileKind, Label } from './attachments.ts'
import type { ActionInteraction, AnyInteraction } from './interactions.ts'

/** A file in commands/: a command, and the buttons, menus and forms that belong to it. */
export interface Command {
  readonly data: RESTPostAPIApplicationCommandsJSONBody
  /**
   * Do cheap checks first; then `reply.open()`, `reply.whisper()` or a form, within 3 s of the interaction; then the
   * work. Whatever it throws is shown to the person: a `UserError` as it is, anything else as a general sentence.
   */
  readonly execute: (call: Call<ChatInputCommandInteraction>) => Promise<void>
  /** At most 25 choices are shown. */
  readonly autocomplete?: (call: Completion) => Promise<readonly Choice[]>
  readonly actions?: Actions
}

/** A command in the menu of a message. */
export interface MenuCommand {
  readonly data: RESTPostAPIApplicationCommandsJSONBody
  readonly executeMenu: (call: Call<MessageContextMenuCommandInteraction>) => Promise<void>
  readonly actions?: Actions
}

/** Buttons, menus and forms by the first word of their custom_id, `word` or `word:argument`. They survive restarts. */
export type Actions = Readonly<Record<string, (call: ActionCall) => Promise<void>>>

export interface Call<Of extends AnyInteraction = AnyInteraction> extends Services {
  readonly interaction: Of
  readonly reply: Reply
  /**
   * The server's id, or `@` and the person's id in direct messages. It decides whose differences, settings and limits
   * apply.
   */
  readonly scope: string
  readonly person: string
  /** In the person's language, for what only they see: whispers and forms. */
  readonly say: Say
  /**
   * Adds a job to the queue, after `reply.open()`. From then on the notifier reports progress, result and failure, in
   * this process or a later one. `source` is the id of the message that this is about, by default the one whose button
   * was pressed. @throws UserError if the queue, or this person's share of it, is full
   */
  readonly place: (job: Job, action: ResultAction, source?: string) => Promise<void>
  /**
   * To be called before `reply.open()` for a button that places a job: pressed twice it is not to make two.
   *
   * @throws UserError while the same person's press of the same button is under way
   */
  readonly claim: () => Promise<void>
}

export interface ActionCall extends Call<ActionInteraction> {
  /** What follows the colon in the custom_id. Like everything from outside, it is not to be trusted. */
  readonly argument: string
}

export interface Completion extends Services {
  readonly interaction: AutocompleteInteraction
  readonly scope: string
  readonly person: string
  /** In the person's language. */
  readonly say: Say
}

export interface Choice {
  readonly name: string
  readonly value: string
}

/** The services that commands use; created in main. */
export interface Services {
  readonly queue: Queue<FollowUp>
  readonly store: Store
  /** Downloads an attachment, by default a picture. `label` names it in messages to the person. */
  readonly fetchAttachment: (label: Label, attachment: AttachmentOption, kind?: FileKind) => Promise<Uint8Array>
  /** The available models by name, and the one used unless a server or a person chooses another. */
  readonly models: {
    readonly names: readonly string[]
    readonly usual: string
    /** What each says that it knows; completes "it knows …". */
    readonly knows?: Readonly<Record<string, string>>
  }
}
