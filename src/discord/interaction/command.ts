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
import type { AttachmentOption, FileKind } from './attachments.ts'
import type { ActionInteraction, AnyInteraction } from './interactions.ts'

/** A file in commands/: a command, and the buttons, menus and forms that came of it. */
export interface Command {
  readonly data: RESTPostAPIApplicationCommandsJSONBody
  /**
  Cheap checks first, then `reply.open()`, `reply.whisper()` or a form, within 3 s of the call; then the work. Whatever it
  throws is told to the person: a `UserError` as it is, anything else as a plain sentence.
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

/** Buttons, menus and forms by the first word of their custom_id, `word` or `word:argument`. They outlive every restart. */
export type Actions = Readonly<Record<string, (call: ActionCall) => Promise<void>>>

export interface Call<Of extends AnyInteraction = AnyInteraction> extends Services {
  readonly interaction: Of
  readonly reply: Reply
  /** The server's id, or `@` and the person's id in direct messages: whose differences, settings and limits count. */
  readonly scope: string
  readonly person: string
  /**
  Puts a job into the queue, after `reply.open()`. Progress, result and failure are told from then on by the notifier, in this
  process or a later one. @throws UserError when the queue, or this person's share of it, is full
  */
  readonly place: (job: Job, action: ResultAction) => Promise<void>
}

export interface ActionCall extends Call<ActionInteraction> {
  /** What follows the colon in the custom_id; a claim, as everything from outside. */
  readonly argument: string
}

export interface Completion extends Services {
  readonly interaction: AutocompleteInteraction
  readonly scope: string
}

export interface Choice {
  readonly name: string
  readonly value: string
}

/** What commands work with; chosen in main. */
export interface Services {
  readonly queue: Queue<FollowUp>
  readonly store: Store
  /** The bytes of an attachment, a picture unless it says otherwise; `label` names it to the person. */
  readonly fetchAttachment: (label: string, attachment: AttachmentOption, kind?: FileKind) => Promise<Uint8Array>
  /** The models there are, by name, and the one that is used unless a server or person says otherwise. */
  readonly models: { readonly names: readonly string[]; readonly usual: string }
}
