import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createGateway } from './gateway.ts'
import {
  ApiError,
  type Body,
  COMPONENTS_V2,
  type Component,
  checkMessage,
  checkSize,
  EPHEMERAL,
  flatten,
} from './rules.ts'

// As much of Discord as a bot with slash commands and buttons sees, over real sockets, with the limits of the real one.

export const token = 'loopback.bot.token'
export const applicationId = '100000000000000001'
export const guildId = '200000000000000001'
export const channelId = '300000000000000001'
const directChannelId = '300000000000000002'
export const owner: Person = { id: '400000000000000001' }
export const stranger: Person = { id: '400000000000000002' }
const MANAGE_MESSAGES = 1n << 13n
const answerWithin = 3_000
const tokenLivesFor = 15 * 60_000

export interface Person {
  readonly id: string
  /** Has ManageMessages. */
  readonly isModerator?: boolean
  /** Writes to the bot in a direct message. */
  readonly isDirect?: boolean
}

export interface Message {
  readonly id: string
  readonly channelId: string
  flags: number
  content: string
  components: readonly Component[]
  files: readonly { readonly id: string; readonly name: string; readonly alt: string; readonly bytes: Uint8Array }[]
  /** The only people this message may ping. */
  pings: readonly string[]
  edits: number
  isThinking: boolean
  isDeleted: boolean
}

export interface Interaction {
  readonly id: string
  readonly token: string
  readonly createdAt: number
  readonly channelId: string
  /** Milliseconds until the first answer. */
  answeredAfter?: number
  /** What `@original` means: the answer, or the message with the pressed button. */
  message?: Message
  readonly followUps: Message[]
}

export interface Attachment {
  readonly id: string
  readonly url: string
}

interface RegisteredCommand {
  readonly name: string
  readonly options?: readonly { readonly name: string; readonly type: number }[]
}

export type Loopback = Awaited<ReturnType<typeof startLoopback>>

export async function startLoopback() {
  const messages = new Map<string, Message>()
  const interactions = new Map<string, Interaction>()
  const attachments = new Map<string, { readonly option: Attachment; readonly bytes: Uint8Array; redirect?: string }>()
  /** Method and path of every request; tokens of interactions are shortened to `:token`. */
  const requests: string[] = []
  const refusals: { readonly matching: RegExp; readonly error: ApiError; readonly retryAfterSeconds?: number }[] = []
  const paces = new Map<string, number[]>()
  let commands: readonly RegisteredCommand[] = []
  let offset = 0
  let lastId = 500000000000000000n
  const nextId = () => String(++lastId)
  const now = () => Date.now() + offset

  const user = { id: applicationId, username: 'isto', discriminator: '0', avatar: null, bot: true }
  const channel = {
    id: channelId,
    type: 0,
    guild_id: guildId,
    name: 'pictures',
    permission_overwrites: [],
    position: 0,
  }
  const directChannel = { id: directChannelId, type: 1, recipients: [account(owner.id)] }
  const guild = {
    ...{ id: guildId, name: 'Loopback', owner_id: owner.id, large: false, member_count: 2, premium_tier: 0 },
    ...{ channels: [channel], threads: [], members: [], emojis: [], stickers: [], features: [], voice_states: [] },
    roles: [{ id: guildId, name: '@everyone', permissions: '274878024704', position: 0, colors: {}, tags: {} }],
  }

  const server = createServer((request, response) => void respond(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const gateway = createGateway({ server, token, user, applicationId, guilds: [guild] })

  // ---- REST ----

  type Handler = (request: { readonly ids: string[]; readonly body: Body; readonly files: File[] }) => unknown
  const routes: readonly (readonly [string, RegExp, Handler])[] = [
    ['GET', /^gateway\/bot$/, () => ({ url: `${origin.replace('http', 'ws')}/gateway`, shards: 1, ...sessionLimit })],
    ['GET', /^users\/@me$/, () => user],
    ['POST', /^users\/@me\/channels$/, () => directChannel],
    ['GET', /^(?:oauth2\/applications|applications)\/@me$/, () => ({ id: applicationId, name: 'isto', flags: 0 })],
    ['GET', /^applications\/(\d+)\/commands$/, ({ ids }) => own(ids[0], () => commands)],
    ['PUT', /^applications\/(\d+)\/commands$/, ({ ids, body }) => own(ids[0], () => register(body))],
    ['POST', /^interactions\/(\d+)\/([^/]+)\/callback$/, ({ ids, body, files }) => callback(ids, body, files)],
    [
      'PATCH',
      /^webhooks\/\d+\/([^/]+)\/messages\/(?:@|%40)original$/,
      async ({ ids, body, files }) => view(await write(original(ids[0]), body, files)),
    ],
    ['DELETE', /^webhooks\/\d+\/([^/]+)\/messages\/(?:@|%40)original$/, ({ ids }) => remove(original(ids[0]))],
    ['POST', /^webhooks\/\d+\/([^/]+)$/, ({ ids, body, files }) => followUp(alive(ids[0]), body, files)],
    [
      'GET',
      /^channels\/(\d+)$/,
      ({ ids }) => [channel, directChannel].find(({ id }) => id === ids[0]) ?? unknownMessage(),
    ],
    [
      'POST',
      /^channels\/(\d+)\/messages$/,
      async ({ ids, body, files }) => view(await write(create(ids[0]!, body.flags ?? 0), body, files)),
    ],
    [
      'PATCH',
      /^channels\/\d+\/messages\/(\d+)$/,
      async ({ ids, body, files }) => view(await write(existing(ids[0]), body, files)),
    ],
    ['DELETE', /^channels\/\d+\/messages\/(\d+)$/, ({ ids }) => remove(existing(ids[0]))],
  ]
  const sessionLimit = { session_start_limit: { total: 1000, remaining: 999, reset_after: 0, max_concurrency: 1 } }

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = (status: number, data?: unknown) => {
      if (data === undefined) return void response.writeHead(status).end()
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(data))
    }
    try {
      const { pathname, searchParams } = new URL(request.url ?? '', origin)
      if (pathname.startsWith('/attachments/')) return serveFile(pathname, response)
      const path = pathname.replace(/^\/api\/v10\//, '')
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const raw = Buffer.concat(chunks)
      const line = `${request.method} ${path.replace(/token-\d+/, ':token')}`
      requests.push(line)

      const refusal = refusals.findIndex(({ matching }) => matching.test(line))
      if (refusal >= 0) {
        const [{ error, retryAfterSeconds }] = refusals.splice(refusal, 1) as [(typeof refusals)[number]]
        if (retryAfterSeconds === undefined) throw error
        response.setHeader('retry-after', String(retryAfterSeconds))
        return answer(429, { message: error.message, retry_after: retryAfterSeconds, global: false })
      }
      const waitSeconds = pace(path)
      if (waitSeconds > 0) {
        response.setHeader('retry-after', String(waitSeconds))
        return answer(429, { message: 'You are being rate limited.', retry_after: waitSeconds, global: false })
      }
      const isByToken = /^(interactions|webhooks)\//.test(path)
      if (!isByToken && request.headers.authorization !== `Bot ${token}`)
        throw new ApiError(401, 0, '401: Unauthorized')
      const route = routes.find(([method, pattern]) => method === request.method && pattern.test(path))
      if (!route) throw new ApiError(404, 0, '404: Not Found')
      const { body, files } = await parse(raw, request.headers['content-type'])
      const ids = route[1].exec(path)!.slice(1)
      const result = await route[2]({ ids, body, files })
      const isEmpty =
        result === undefined || (path.endsWith('/callback') && searchParams.get('with_response') !== 'true')
      answer(isEmpty ? 204 : 200, isEmpty ? undefined : result)
    } catch (error) {
      if (error instanceof ApiError) answer(error.status, { code: error.code, message: error.message })
      else answer(500, { code: 0, message: String(error) })
    }
  }

  /** An interaction's token is good for five requests in two seconds. Returns the seconds to wait, or 0. */
  function pace(path: string): number {
    const given = /^webhooks\/\d+\/([^/]+)/.exec(path)?.[1]
    if (!given) return 0
    const recent = (paces.get(given) ?? []).filter((at) => Date.now() - at < 2000)
    paces.set(given, recent)
    if (recent.length >= 5) return (2000 - (Date.now() - recent[0]!)) / 1000
    recent.push(Date.now())
    return 0
  }

  async function parse(raw: Buffer, type = ''): Promise<{ body: Body; files: File[] }> {
    if (!type.startsWith('multipart/')) return { body: raw.length > 0 ? JSON.parse(String(raw)) : {}, files: [] }
    const form = await new Response(new Uint8Array(raw), { headers: { 'content-type': type } }).formData()
    const files: File[] = []
    for (const [name, value] of form) if (name.startsWith('files[') && typeof value !== 'string') files.push(value)
    checkSize(
      raw.length,
      files.map(({ size }) => size),
    )
    return { body: JSON.parse(String(form.get('payload_json'))), files }
  }

  // ---- Interactions ----

  async function callback([id, given]: string[], body: Body, files: File[]) {
    const { type, data = {} } = body as { type: number; data?: Body }
    const interaction = interactions.get(id ?? '')
    const waited = interaction ? now() - interaction.createdAt : 0
    if (interaction?.token !== given || !interaction || waited > answerWithin) {
      throw new ApiError(404, 10062, 'Unknown interaction')
    }
    if (interaction.answeredAfter !== undefined) {
      throw new ApiError(400, 40060, 'Interaction has already been acknowledged.')
    }
    interaction.answeredAfter = waited
    if (type === 4) interaction.message = await write(create(interaction.channelId, data.flags ?? 0), data, files)
    else if (type === 5) interaction.message = create(interaction.channelId, (data.flags ?? 0) & EPHEMERAL, true)
    else if (type === 7) await write(interaction.message!, data, files)
    else if (type !== 6) throw new ApiError(400, 50035, 'Invalid Form Body: type')
    return { interaction: { id, type: 2 }, resource: { type, message: view(interaction.message!) } }
  }

  function alive(given?: string): Interaction {
    const interaction = [...interactions.values()].find((one) => one.token === given)
    if (!interaction || now() - interaction.createdAt > tokenLivesFor) {
      throw new ApiError(401, 50027, 'Invalid Webhook Token')
    }
    if (interaction.answeredAfter === undefined) throw new ApiError(404, 10015, 'Unknown Webhook')
    return interaction
  }

  function original(given?: string): Message {
    const { message } = alive(given)
    return message && !message.isDeleted ? message : unknownMessage()
  }

  async function followUp(interaction: Interaction, body: Body, files: File[]) {
    // The first follow-up to an unanswered defer becomes its answer, and as public as the defer was.
    const { message } = interaction
    if (message?.isThinking && !message.isDeleted) return view(await write(message, body, files))
    const created = await write(create(interaction.channelId, body.flags ?? 0), body, files)
    interaction.followUps.push(created)
    return view(created)
  }

  // ---- Messages ----

  function create(channelId: string, flags: number, isThinking = false): Message {
    const message: Message = {
      ...{
        id: nextId(),
        channelId,
        flags: flags & (EPHEMERAL | COMPONENTS_V2),
        content: '',
        components: [],
        files: [],
      },
      ...{ pings: [], edits: 0, isThinking, isDeleted: false },
    }
    messages.set(message.id, message)
    return message
  }

  async function write(message: Message, body: Body, files: File[]): Promise<Message> {
    const flags = message.flags | ((body.flags ?? 0) & COMPONENTS_V2)
    // Named attachments are kept or described; `attachments` absent keeps all.
    const kept = message.files.filter(({ id }) => !body.attachments || body.attachments.some((one) => one.id === id))
    const alts = new Map(body.attachments?.map(({ id, description = '' }) => [id, description]))
    const added = await Promise.all(
      files.map(async (file, index) => {
        return { id: nextId(), name: file.name, alt: alts.get(String(index)) ?? '', bytes: await file.bytes() }
      }),
    )
    checkMessage(
      body,
      flags,
      [...kept, ...added].map(({ name }) => name),
    )
    message.flags = flags
    message.files = [...kept, ...added]
    message.content = body.content ?? message.content
    message.components = body.components ?? message.components
    message.pings = body.allowed_mentions?.users ?? []
    if (!body.allowed_mentions || body.allowed_mentions.parse?.length) message.pings = ['everyone']
    message.isThinking = false
    message.edits++
    return message
  }

  function existing(id?: string): Message {
    const message = messages.get(id ?? '')
    return message && !message.isDeleted && !(message.flags & EPHEMERAL) ? message : unknownMessage()
  }

  function remove(message: Message): void {
    message.isDeleted = true
  }

  function unknownMessage(): never {
    throw new ApiError(404, 10008, 'Unknown Message')
  }

  const view = ({ id, channelId, flags, content, components, files }: Message) => ({
    ...{ id, channel_id: channelId, flags, content, components, type: 0, author: user, embeds: [], mentions: [] },
    ...{
      mention_roles: [],
      mention_everyone: false,
      pinned: false,
      tts: false,
      timestamp: new Date(now()).toISOString(),
    },
    attachments: files.map(({ id, name, alt, bytes }) => ({
      id,
      filename: name,
      description: alt,
      size: bytes.length,
    })),
  })

  // ---- Application, commands, files ----

  function own<T>(id: string | undefined, answer: () => T): T {
    if (id !== applicationId) throw new ApiError(403, 20012, 'You are not authorized to perform this action')
    return answer()
  }

  function register(body: unknown) {
    commands = (body as RegisteredCommand[]).map((command) => ({
      ...{ id: nextId(), application_id: applicationId, version: nextId(), type: 1, nsfw: false },
      ...{ default_member_permissions: null, name_localizations: null, description_localizations: null },
      ...command,
    }))
    return commands
  }

  function serveFile(path: string, response: ServerResponse): void {
    const file = attachments.get(path.split('/')[3] ?? '')
    if (!file) return void response.writeHead(404).end()
    if (file.redirect) return void response.writeHead(302, { location: file.redirect }).end()
    response.writeHead(200).end(file.bytes)
  }

  // ---- What the test does as a person ----

  function interact(type: number, data: object, { id: who, isModerator, isDirect }: Person, message?: Message) {
    const id = nextId()
    const where = isDirect ? directChannel : channel
    const interaction: Interaction = {
      ...{ id, token: `token-${id}`, createdAt: now(), channelId: where.id, message, followUps: [] },
    }
    interactions.set(id, interaction)
    const permissions = String(isModerator ? MANAGE_MESSAGES : 0n)
    const since = { joined_at: '2020-01-01T00:00:00Z', deaf: false, mute: false }
    gateway.dispatch('INTERACTION_CREATE', {
      ...{ id, type, data, token: interaction.token, application_id: applicationId, version: 1, locale: 'en-US' },
      ...{ channel_id: where.id, channel: where, app_permissions: '274878024704', entitlements: [] },
      ...(isDirect
        ? { user: account(who), context: 1, authorizing_integration_owners: { 0: '0' } }
        : {
            ...{ guild_id: guildId, context: 0, authorizing_integration_owners: { 0: guildId } },
            member: { user: account(who), roles: [], permissions, ...since },
          }),
      attachment_size_limit: 10 * 1024 * 1024,
      ...(message && { message: view(message) }),
    })
    return interaction
  }

  return {
    origin,
    apiUrl: `${origin}/api`,
    messages,
    requests,
    commands: () => commands,
    register,
    /** Moves Discord's clock. */
    advance: (milliseconds: number) => {
      offset += milliseconds
    },
    /** The next request like this one is refused; with `retryAfterSeconds`, as a rate limit. */
    refuseNext: (matching: RegExp, error: ApiError, retryAfterSeconds?: number) => {
      refusals.push({ matching, error, retryAfterSeconds })
    },
    kick: gateway.kick,
    /** Uploads a file for a command's option; what is claimed of it may differ from what it is. */
    attach: (
      bytes: Uint8Array,
      claims: { content_type?: string; size?: number; filename?: string; redirect?: string } = {},
    ) => {
      const id = nextId()
      const { redirect, ...claimed } = claims
      const filename = claimed.filename ?? 'picture.png'
      const url = `${origin}/attachments/${channelId}/${id}/${filename}?ex=1&hm=signature`
      const option = { id, url, proxy_url: url, filename, content_type: 'image/png', size: bytes.length, ...claimed }
      attachments.set(id, { option, bytes, redirect })
      return option
    },
    /** Runs a slash command; attachments among `options` are recognised by their url. */
    slash: (name: string, options: Record<string, string | number | Attachment>, who: Person = owner) => {
      const command = commands.find((one) => one.name === name)
      const files = Object.values(options).filter((value) => typeof value === 'object')
      const given = Object.entries(options).map(([name, value]) => ({
        name,
        type: command?.options?.find((option) => option.name === name)?.type,
        value: typeof value === 'object' ? value.id : value,
      }))
      const resolved = { attachments: Object.fromEntries(files.map((file) => [file.id, file])) }
      return interact(2, { id: nextId(), name, type: 1, options: given, resolved }, who)
    },
    /** Presses the button with this label. */
    press: (message: Message, label: string, who: Person = owner) => {
      const button = flatten(message.components).find((component) => component.label === label)
      if (!button) throw new Error(`There is no button ${label}.`)
      return interact(3, { custom_id: button.custom_id, component_type: 2 }, who, message)
    },
    close: async () => {
      gateway.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** All text of a message, in order. */
export const textOf = ({ content, components }: Message): string =>
  [content, ...flatten(components).flatMap((component) => component.content ?? [])].filter(Boolean).join('\n')

/** Name and alt text of the pictures in its galleries. */
export const galleryOf = ({ components }: Message) =>
  flatten(components).flatMap(({ items = [] }) =>
    items.map(({ media, description = '' }) => ({ name: media.url.replace('attachment://', ''), alt: description })),
  )

/** Waits until `condition` holds. */
export async function until(condition: () => unknown, what: string, milliseconds = 30_000): Promise<void> {
  const deadline = Date.now() + milliseconds
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`Waited in vain for ${what}.`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

const account = (id: string) => ({ id, username: `person ${id.at(-1)}`, discriminator: '0', avatar: null })
