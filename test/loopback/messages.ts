import type { Clock } from './clock.ts'
import { type Attachment, contentTypeOf, type Files, type StoredFile } from './files.ts'
import { checkMessage } from './message-rules.ts'
import {
  ApiError,
  type Body,
  COMPONENTS_V2,
  type Component,
  EPHEMERAL,
  expect,
  expectLength,
  flatten,
  LOADING,
  type Media,
} from './rules.ts'
import { account, applicationId, type Owners } from './world.ts'

export interface Message {
  readonly id: string
  readonly channelId: string
  /** The bot, or a person. */
  readonly authorId: string
  /** Milliseconds on Discord's clock. */
  readonly createdAt: number
  /** As Discord numbers them: 0 plain, 19 a reply, 20 answers a command, 23 a menu. */
  readonly type: number
  /** The message that this one answers. */
  readonly replyTo?: string
  /** The interaction that it came of. */
  readonly origin?: { readonly authorizing_integration_owners: Owners }
  flags: number
  content: string
  /** As they were sent: pictures by the names of files. */
  components: readonly Component[]
  embeds: readonly object[]
  files: readonly StoredFile[]
  /** The only people this message may ping. */
  pings: readonly string[]
  /** Those whom it did ping: changing a message pings nobody, filling one that was "thinking" does. */
  notified: readonly string[]
  edits: number
  editedAt?: number
  isThinking: boolean
  isDeleted: boolean
}

/** A file on its way to Discord; `index` is the `n` of `files[n]`. */
export interface Upload {
  readonly index: string
  readonly name: string
  readonly bytes: Uint8Array
}

export type Messages = ReturnType<typeof createMessages>

const nonceLivesFor = 5 * 60_000

export function createMessages(clock: Clock, files: Files) {
  const all = new Map<string, Message>()
  const nonces = new Map<string, { readonly message: Message; readonly at: number }>()

  const create = (
    given: Pick<Message, 'channelId'> &
      Partial<Pick<Message, 'authorId' | 'type' | 'replyTo' | 'origin' | 'isThinking'>>,
    flags = 0,
  ): Message => {
    const message: Message = {
      id: clock.nextId(),
      createdAt: clock.now(),
      authorId: applicationId,
      type: 0,
      isThinking: false,
      flags,
      content: '',
      components: [],
      embeds: [],
      files: [],
      pings: [],
      notified: [],
      edits: 0,
      isDeleted: false,
      ...given,
    }
    all.set(message.id, message)
    return message
  }

  /** All or nothing: what is refused leaves the message as it was. */
  const write = (message: Message, body: Body, uploads: readonly Upload[]): Message => {
    const flags = message.flags | ((body.flags ?? 0) & COMPONENTS_V2)
    const content = body.content === undefined ? message.content : (body.content ?? '')
    const components = body.components ?? message.components
    const embeds = body.embeds ?? message.embeds
    const { kept, added } = filesAfter(message, body, uploads)
    const names = [...kept, ...added].map(({ name }) => name)
    checkMessage({ ...body, content, components, embeds }, flags, names)
    checkMentions(body)
    const isFirst = message.edits === 0
    const stored = added.map((one) => files.keep({ ...one, channelId: message.channelId }))
    Object.assign(message, { flags, content, components, embeds, files: [...kept, ...stored], isThinking: false })
    message.pings = pingsOf(body)
    if (isFirst) message.notified = mentioned(message, body, all.get(message.replyTo ?? ''))
    if (!isFirst) message.editedAt = clock.now()
    message.edits++
    return message
  }

  /** A message that does not exist until it is right. */
  const send = (message: Message, body: Body, uploads: readonly Upload[]): Message => {
    try {
      return write(message, body, uploads)
    } catch (error) {
      all.delete(message.id)
      throw error
    }
  }

  const existing = (channelId: string | undefined, id: string | undefined): Message => {
    const message = all.get(id ?? '')
    const isThere = message && !message.isDeleted && message.channelId === channelId && !(message.flags & EPHEMERAL)
    return isThere ? message : unknownMessage()
  }

  /** What the bot's own token posts into a channel; `canReply`: may read what it answers. */
  const post = (channelId: string, body: Body, uploads: readonly Upload[], canReply: boolean): Message => {
    const { nonce, enforce_nonce, message_reference: reference } = body
    if (nonce !== undefined) expectLength('nonce', String(nonce), 0, 25)
    const key = `${channelId} ${nonce}`
    const before = nonces.get(key)
    if (enforce_nonce && nonce !== undefined && before && clock.now() - before.at < nonceLivesFor) return before.message

    if (reference && !canReply) {
      throw new ApiError(400, 160002, 'Cannot reply without permission to read message history')
    }
    const answered = reference && all.get(reference.message_id)
    const isThere = answered && !answered.isDeleted && answered.channelId === channelId && !(answered.flags & EPHEMERAL)
    expect(isThere || !reference || reference.fail_if_not_exists === false, 'message_reference: Unknown message')
    const created = create({ channelId, ...(isThere && { replyTo: answered.id, type: 19 }) })
    const message = send(created, body, uploads)
    if (nonce !== undefined) nonces.set(key, { message, at: clock.now() })
    return message
  }

  const view = (message: Message) => {
    const { id, channelId, authorId, flags, content, embeds, type, replyTo, origin, isThinking, createdAt } = message
    const shown = new Set(shownNames(message))
    const apart = message.files.filter(({ name }) => !shown.has(name))
    return {
      id,
      channel_id: channelId,
      type,
      content,
      author: account(authorId),
      mentions: [],
      mention_roles: [],
      mention_everyone: false,
      pinned: false,
      tts: false,
      timestamp: new Date(createdAt).toISOString(),
      edited_timestamp: message.editedAt ? new Date(message.editedAt).toISOString() : null,
      flags: flags | (isThinking ? LOADING : 0),
      // A file that a component shows is told there, and not here (discord-api-docs#8277).
      attachments: apart.map(files.view),
      embeds,
      components: numbered(message.components, (media) => resolveMedia(media, message.files, files)),
      ...(replyTo && { message_reference: { type: 0, message_id: replyTo, channel_id: channelId } }),
      ...(origin && { webhook_id: applicationId, application_id: applicationId, interaction_metadata: origin }),
    }
  }

  return {
    all,
    create,
    send,
    write,
    post,
    existing,
    view,
    /** Without the intent for message content an app reads of others only that there is a message. */
    viewOfOthers: (message: Message) =>
      message.authorId === applicationId
        ? view(message)
        : { ...view(message), content: '', attachments: [], embeds: [], components: [] },
  }
}

export function unknownMessage(): never {
  throw new ApiError(404, 10008, 'Unknown Message')
}

/** The names of the files that components show. */
export const shownNames = ({ components }: Message): string[] =>
  flatten(components)
    .flatMap(({ media, file, items = [] }) => [media, file, ...items.map((item) => item.media)])
    .flatMap((media) => /^attachment:\/\/(.+)$/.exec(media?.url ?? '')?.[1] ?? [])

type Added = Omit<StoredFile, 'id' | 'channelId'>

/**
Named in `attachments` is what stays and what comes; without it everything stays, unless files come: they replace what
was there (discord-api-docs#5170).
*/
function filesAfter(message: Message, { attachments }: Body, uploads: readonly Upload[]) {
  const named = new Map(attachments?.map(({ id, description }) => [String(id), description]))
  const known = new Set([...message.files.map(({ id }) => id), ...uploads.map(({ index }) => index)])
  const strange = [...named.keys()].find((id) => !known.has(id))
  expect(strange === undefined, `attachments: there is no attachment ${strange}`) // by memory
  for (const alt of named.values()) expectLength('attachments.description', alt ?? '', 0, 1024)
  const isNamed = (id: string) => !attachments || named.has(id)
  const kept = message.files
    .filter(({ id }) => (attachments ? named.has(id) : uploads.length === 0))
    .map((file) => ({ ...file, alt: named.get(file.id) ?? file.alt }))
  const added = uploads
    .filter(({ index }) => isNamed(index))
    .map(({ index, name, bytes }): Added => {
      return { name, bytes, alt: named.get(index) ?? '', contentType: contentTypeOf(name) }
    })
  return { kept, added }
}

function checkMentions({ allowed_mentions: allowed }: Body): void {
  const isTwice = allowed?.parse?.includes('users') && allowed.users?.length
  expect(!isTwice, 'allowed_mentions: parse:["users"] and users are mutually exclusive')
  expect((allowed?.users?.length ?? 0) <= 100, 'allowed_mentions.users: Must be 100 or fewer in length.')
}

const pingsOf = ({ allowed_mentions: allowed }: Body): readonly string[] =>
  !allowed || allowed.parse?.length ? ['everyone'] : (allowed.users ?? [])

/** Whom a message names and may ping; a reply pings the one who is answered, unless told otherwise. */
function mentioned(message: Message, { allowed_mentions: allowed }: Body, answered: Message | undefined): string[] {
  const texts = [message.content, ...flatten(message.components).map(({ content = '' }) => content)].join('\n')
  const named = [...texts.matchAll(/<@!?(\d+)>/g)].map(([, id]) => id!)
  const mayPing = (id: string) => !allowed || allowed.parse?.includes('users') || allowed.users?.includes(id)
  const repliedTo = answered && (allowed ? allowed.replied_user : true) ? [answered.authorId] : []
  return [...new Set([...named.filter(mayPing), ...repliedTo])].filter((id) => id !== applicationId)
}

/** With ids, which count the components of a message from 1, and with what Discord knows of pictures. */
function numbered(components: readonly Component[], resolve: (media: Media) => object): object[] {
  let last = 0
  const visit = (component: Component): object => {
    const { items, media, file, accessory, components: inner, ...rest } = component
    const id = component.id || ++last
    return {
      ...rest,
      id,
      ...(items && { items: items.map((item) => ({ ...item, media: resolve(item.media) })) }),
      ...(media && { media: resolve(media) }),
      ...(file && { file: resolve(file) }),
      ...(inner && { components: inner.map(visit) }),
      ...(accessory && { accessory: visit(accessory) }),
    }
  }
  return components.map(visit)
}

function resolveMedia(media: Media, kept: readonly StoredFile[], files: Files): object {
  const file = kept.find(({ name }) => media.url === `attachment://${name}`)
  if (!file) return { ...media, proxy_url: media.url }
  const { id, url, content_type, ...rest } = files.view(file) as Attachment & { width?: number; height?: number }
  return { url, proxy_url: url, attachment_id: id, content_type, width: rest.width, height: rest.height }
}
