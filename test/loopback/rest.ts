import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Commands } from './commands.ts'
import type { CommandDefinition } from './definition-rules.ts'
import type { Files } from './files.ts'
import type { Interactions } from './interactions.ts'
import { headersOf, type Limits } from './limits.ts'
import type { Message, Messages, Upload } from './messages.ts'
import { ApiError, type Body, checkSize, EPHEMERAL, expect, RateLimitError } from './rules.ts'
import {
  account,
  applicationId,
  botAccount,
  type Channel,
  channelView,
  guildView,
  isPerson,
  membership,
  token,
  type World,
} from './world.ts'

export interface RestParts {
  readonly origin: string
  readonly world: World
  readonly files: Files
  readonly messages: Messages
  readonly interactions: Interactions
  readonly commands: Commands
  readonly limits: Limits
  /** Of one file, in bytes. */
  readonly fileLimit: () => number
  /** Gets method and path of every request; tokens of interactions are shortened to `:token`. */
  readonly onRequest: (line: string) => void
}

interface Request {
  readonly ids: readonly string[]
  readonly body: Body
  readonly uploads: readonly Upload[]
  readonly query: URLSearchParams
}

type Route = readonly [method: string, pattern: RegExp, handle: (request: Request) => unknown]

/** Answers Discord's HTTP requests. */
export function createRest(parts: RestParts) {
  const { origin, files, interactions, limits, fileLimit, onRequest } = parts
  const routes = [...ofInteractions(parts), ...ofMessages(parts), ...ofCommands(parts), ...ofTheRest(parts)]

  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const answer = (status: number, data?: unknown) => {
      if (data === undefined) return void response.writeHead(status).end()
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(data))
    }
    try {
      const url = new URL(request.url ?? '', origin)
      if (/^\/(ephemeral-)?attachments\//.test(url.pathname)) return files.serve(url, response)
      const path = url.pathname.replace(/^\/api\/v10\//, '')
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const raw = Buffer.concat(chunks)
      const line = `${request.method} ${path.replace(/token-\d+/, ':token')}`
      onRequest(line)
      const isByToken = /^(interactions|webhooks)\//.test(path)
      for (const [key, value] of Object.entries(limits.check({ line, path, isByToken }))) response.setHeader(key, value)
      if (!isByToken && request.headers.authorization !== `Bot ${token}`) {
        throw new ApiError(401, 0, '401: Unauthorized')
      }
      const route = routes.find(([method, pattern]) => method === request.method && pattern.test(path))
      if (!route) throw new ApiError(404, 0, '404: Not Found')
      const parsed = await parse(raw, request.headers['content-type'])
      checkSize(
        raw.length,
        parsed.uploads.map(({ bytes }) => bytes.length),
        interactions.limitOf(path) ?? fileLimit(),
      )
      const result = route[2]({ ...parsed, ids: route[1].exec(path)!.slice(1), query: url.searchParams })
      answer(result === undefined ? 204 : 200, result)
    } catch (error) {
      if (!(error instanceof ApiError)) return answer(500, { code: 0, message: String(error) })
      const { code, message, status } = error
      if (!(error instanceof RateLimitError)) return answer(status, { code, message })
      for (const [key, value] of Object.entries(headersOf(error))) response.setHeader(key, value)
      const { retryAfterSeconds, isGlobal } = error
      answer(status, { message, retry_after: retryAfterSeconds, global: isGlobal, ...(code !== 0 && { code }) })
    }
  }
}

async function parse(raw: Buffer, type = ''): Promise<{ body: Body; uploads: Upload[] }> {
  if (!type.startsWith('multipart/')) return { body: raw.length > 0 ? parseJson(String(raw)) : {}, uploads: [] }
  const form = await new Response(new Uint8Array(raw), { headers: { 'content-type': type } }).formData()
  const uploads: Upload[] = []
  for (const [key, value] of form) {
    const index = /^files\[(\d+)\]$/.exec(key)?.[1]
    if (index === undefined || typeof value === 'string') continue
    uploads.push({ index, name: value.name, bytes: new Uint8Array(await value.arrayBuffer()) })
  }
  return { body: parseJson(String(form.get('payload_json') ?? '{}')), uploads }
}

function parseJson(text: string): Body {
  try {
    return JSON.parse(text) as Body
  } catch {
    throw new ApiError(400, 50109, 'The request body contains invalid JSON.')
  }
}

function ofInteractions({ interactions, messages }: RestParts): Route[] {
  const { callback, alive, followUp, messageOf } = interactions
  const one = /^webhooks\/(\d+)\/([^/]+)\/messages\/(\d+|(?:@|%40)original)$/
  return [
    [
      'POST',
      /^interactions\/(\d+)\/([^/]+)\/callback$/,
      ({ ids, body, uploads, query }) => {
        const response = callback(ids[0], ids[1], body, uploads)
        return query.get('with_response') === 'true' ? response : undefined
      },
    ],
    [
      'POST',
      /^webhooks\/(\d+)\/([^/]+)$/,
      ({ ids, body, uploads }) => messages.view(followUp(alive(ids[0], ids[1]), body, uploads)),
    ],
    ['GET', one, ({ ids }) => messages.view(messageOf(alive(ids[0], ids[1]), ids[2]))],
    [
      'PATCH',
      one,
      ({ ids, body, uploads }) =>
        messages.view(messages.write(messageOf(alive(ids[0], ids[1]), ids[2]), body, uploads)),
    ],
    ['DELETE', one, ({ ids }) => remove(messageOf(alive(ids[0], ids[1]), ids[2]))],
  ]
}

function remove(message: Message): void {
  message.isDeleted = true
}

/** What the bot's own token may do. */
function ofMessages({ world, messages }: RestParts): Route[] {
  const one = /^channels\/(\d+)\/messages\/(\d+)$/
  const files = (uploads: readonly Upload[]) => (uploads.length > 0 ? (['attach'] as const) : [])
  const own = (message: Message): Message => {
    if (message.authorId === applicationId) return message
    throw new ApiError(403, 50005, 'Cannot edit a message authored by another user')
  }
  return [
    ['GET', /^channels\/(\d+)$/, ({ ids }) => channelView(world.enter(ids[0]))],
    ['POST', /^channels\/(\d+)\/typing$/, ({ ids }) => void world.enter(ids[0], 'send')],
    [
      'POST',
      /^channels\/(\d+)\/messages$/,
      ({ ids, body, uploads }) => {
        const { id, denied } = world.enter(ids[0], 'send', ...files(uploads))
        const flags = (body.flags ?? 0) & ~EPHEMERAL
        return messages.view(messages.post(id, { ...body, flags }, uploads, !denied.has('history')))
      },
    ],
    [
      'GET',
      one,
      ({ ids }) => {
        world.enter(ids[0], 'history')
        return messages.viewOfOthers(messages.existing(ids[0], ids[1]))
      },
    ],
    [
      'PATCH',
      one,
      ({ ids, body, uploads }) => {
        // One's own message may be changed where nothing may be sent. By memory.
        world.enter(ids[0], ...files(uploads))
        return messages.view(messages.write(own(messages.existing(ids[0], ids[1])), body, uploads))
      },
    ],
    [
      'DELETE',
      one,
      ({ ids }) => {
        world.enter(ids[0])
        const message = messages.existing(ids[0], ids[1])
        if (message.authorId !== applicationId) throw new ApiError(403, 50013, 'Missing Permissions')
        remove(message)
      },
    ],
  ]
}

function ofCommands({ commands }: RestParts): Route[] {
  const all = /^applications\/(\d+)(?:\/guilds\/(\d+))?\/commands$/
  const own = ({ ids }: Request): string | undefined => {
    if (ids[0] !== applicationId) {
      throw new ApiError(403, 20012, 'You are not authorized to perform this action on this application')
    }
    return ids[1]
  }
  return [
    [
      'GET',
      all,
      (request) =>
        request.query.get('with_localizations') === 'true'
          ? commands.list(own(request))
          : commands.listPlain(own(request)),
    ],
    [
      'PUT',
      all,
      (request) => {
        const guild = own(request)
        expect(Array.isArray(request.body), 'the body must be a list')
        return commands.overwrite(request.body as unknown as CommandDefinition[], guild)
      },
    ],
    ['POST', all, (request) => commands.upsert(request.body as unknown as CommandDefinition, own(request))],
    [
      'DELETE',
      /^applications\/(\d+)(?:\/guilds\/(\d+))?\/commands\/(\d+)$/,
      (request) => commands.remove(request.ids[2]!, own(request)),
    ],
  ]
}

function ofTheRest({ origin, world }: RestParts): Route[] {
  const url = `${origin.replace('http', 'ws')}/gateway`
  const session_start_limit = { total: 1000, remaining: 999, reset_after: 0, max_concurrency: 1 }
  const guild = (id: string | undefined) => {
    const found = world.guild(id ?? '')
    if (!found) throw new ApiError(404, 10004, 'Unknown Guild')
    if (!found.isJoined) throw new ApiError(403, 50001, 'Missing Access')
    return found
  }
  const person = (id: string | undefined) => {
    if (id === applicationId || isPerson(id ?? '')) return account(id!)
    throw new ApiError(404, 10013, 'Unknown User')
  }
  const direct = (body: Body): Channel => world.directTo((body as { recipient_id?: string }).recipient_id ?? '')
  return [
    ['GET', /^gateway\/bot$/, () => ({ url, shards: 1, session_start_limit })],
    ['GET', /^users\/@me$/, () => botAccount],
    ['POST', /^users\/@me\/channels$/, ({ body }) => channelView(direct(body))],
    ['GET', /^users\/(\d+)$/, ({ ids }) => person(ids[0])],
    ['GET', /^guilds\/(\d+)$/, ({ ids }) => guildView(guild(ids[0]))],
    [
      'GET',
      /^guilds\/(\d+)\/members\/(\d+)$/,
      ({ ids }) => {
        const roles = guild(ids[0]).members.get(ids[1] ?? '')
        if (!roles) throw new ApiError(404, 10007, 'Unknown Member')
        return { user: person(ids[1]), ...membership({}, roles) }
      },
    ],
    ['GET', /^(?:oauth2\/applications|applications)\/@me$/, () => ({ id: applicationId, name: 'isto', flags: 0 })],
  ]
}
