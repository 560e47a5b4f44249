import { createHash, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/** A model hub on this machine: the part of Hugging Face's HTTP interface that a download needs. */
export interface LoopbackHub {
  readonly url: string
  readonly commit: string
  /** Path → content, of `REPOSITORY_OF_THE_HUB`. */
  readonly files: Map<string, Buffer>
  /** How it behaves; may be changed at any time. */
  readonly mood: Mood
  /** Of each request for content: its path, and its first byte. */
  readonly reads: { readonly path: string; readonly from: number }[]
  /** Requests of every kind. */
  readonly requests: { readonly url: string; readonly authorization?: string; readonly server: 'hub' | 'store' }[]
  close(): Promise<void>
}

export interface Mood {
  /** Only with one of these tokens. */
  tokens?: readonly string[]
  /** Of those, the ones that have accepted the licence. */
  accepted?: readonly string[]
  /** Asked before each request; what it says is answered instead. */
  refuse?: (path: string) => { readonly status: number; readonly headers?: Record<string, string> } | undefined
  /** The connection is cut after so many bytes of content. */
  cutAfter?: () => number | undefined
  /** Nothing more comes after so many bytes, and the connection stays. */
  stallAfter?: () => number | undefined
  /** Milliseconds between pieces of 16 KB. */
  pause?: number
  /** What is sent in place of the content. */
  spoil?: (content: Buffer, path: string) => Buffer
  /** As a mirror that knows no Range. */
  knowsNoRange?: boolean
  /** The listing says so of a file, whatever its content. */
  claim?: { readonly path: string; readonly size: number }
  /** Entries on one page of a listing. */
  pageLength?: number
}

const REPOSITORY = 'somebody/tiny-onnx'
/** From here on a file is named by the SHA-256 of its content, as Git LFS does. */
const LARGE = 1000

/** Content lies on a server of its own, to which the hub redirects: a token must not go there. */
export async function startHub(
  files: Readonly<Record<string, Buffer>>,
  /** Repositories beside it, "owner/name". */
  others: Readonly<Record<string, Readonly<Record<string, Buffer>>>> = {},
): Promise<LoopbackHub> {
  const commit = randomBytes(20).toString('hex')
  const mood: Mood = {}
  const reads: { path: string; from: number }[] = []
  const requests: LoopbackHub['requests'] = []
  const repositories = new Map(
    Object.entries({ [REPOSITORY]: files, ...others }).map(([name, held]) => [name, new Map(Object.entries(held))]),
  )

  const store = await listen((request, response) => {
    requests.push({ url: request.url!, authorization: request.headers.authorization, server: 'store' })
    const [repository, path] = request.url!.slice(1).split('/').map(decodeURIComponent) as [string, string]
    void send(path, repositories.get(repository)!.get(path)!, request, response)
  })

  async function send(path: string, whole: Buffer, request: IncomingMessage, response: ServerResponse) {
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
    const isPart = first !== undefined && !mood.knowsNoRange
    const from = isPart ? Number(first) : 0
    const to = isPart ? Number(last) + 1 : whole.length
    reads.push({ path, from })
    const sent = (mood.spoil?.(whole, path) ?? whole).subarray(from, to)
    response.writeHead(isPart ? 206 : 200, {
      'content-length': to - from,
      ...(isPart && { 'content-range': `bytes ${from}-${to - 1}/${whole.length}` }),
    })
    response.flushHeaders()
    const end = mood.cutAfter?.() ?? mood.stallAfter?.() ?? Number.POSITIVE_INFINITY
    for (let place = 0; place < Math.min(sent.length, end); place += 16_384) {
      const piece = sent.subarray(place, Math.min(place + 16_384, end))
      if (!response.write(piece)) await drained(response)
      if (mood.pause) await new Promise((resolve) => setTimeout(resolve, mood.pause))
    }
    if (sent.length <= end) response.end()
    // What was written goes out first.
    else if (mood.cutAfter) setTimeout(() => response.destroy(), 5)
  }

  const hub = await listen((request, response) => {
    const { pathname: path, searchParams } = new URL(request.url!, 'http://hub')
    const { authorization } = request.headers
    requests.push({ url: request.url!, authorization, server: 'hub' })
    const refuse = (status: number, code?: string, headers: Record<string, string> = {}) =>
      response
        .writeHead(status, { ...(code && { 'x-error-code': code }), ...headers, 'content-type': 'application/json' })
        .end(JSON.stringify({ error: 'said in English' }))
    const refused = mood.refuse?.(path)
    if (refused) return refuse(refused.status, undefined, refused.headers)
    const token = authorization?.replace('Bearer ', '')
    if (mood.tokens && !mood.tokens.includes(token ?? '')) return refuse(401, token ? undefined : 'RepoNotFound')
    const isListing = path.startsWith('/api/models/')
    const [owner, name, ...after] = path
      .split('/')
      .slice(isListing ? 3 : 1)
      .map(decodeURIComponent)
    const repository = `${owner}/${name}`
    const content = repositories.get(repository)
    if (!content || (!isListing && after[0] !== 'resolve')) return refuse(404, 'RepoNotFound')
    const rest = isListing ? after : after.slice(1)
    const revision = isListing ? rest[1] : rest[0]
    if (revision !== 'main' && revision !== commit) return refuse(404, 'RevisionNotFound')
    if (isListing && rest[0] === 'revision') {
      return response.end(
        JSON.stringify({
          _id: '1',
          id: repository,
          sha: commit,
          gated: false,
          tags: ['diffusers', 'license:openrail'],
        }),
      )
    }
    if (isListing) {
      const page = Number(searchParams.get('cursor') ?? 0)
      const length = mood.pageLength ?? 1000
      const entries = [...content].map(([file, bytes]) => ({
        ...entry(file, bytes),
        ...(mood.claim?.path === file && { size: mood.claim.size }),
      }))
      if (entries.length > page + length) {
        searchParams.set('cursor', String(page + length))
        response.setHeader('link', `<${origin(hub)}${path}?${searchParams}>; rel="next"`)
      }
      return response.end(JSON.stringify(entries.slice(page, page + length)))
    }
    if (mood.accepted && !mood.accepted.includes(token ?? '')) return refuse(token ? 403 : 401, 'GatedRepo')
    const file = rest.slice(1).join('/')
    const bytes = content.get(file)
    if (!bytes) return refuse(404, 'EntryNotFound')
    if (bytes.length < LARGE) return void send(file, bytes, request, response)
    const location = `${origin(store)}/${encodeURIComponent(repository)}/${encodeURIComponent(file)}`
    response.writeHead(302, { location }).end()
  })

  return {
    url: origin(hub),
    commit,
    files: repositories.get(REPOSITORY)!,
    mood,
    reads,
    requests,
    close: async () => {
      await Promise.all([hub.close(), store.close()])
    },
  }
}

export const REPOSITORY_OF_THE_HUB = REPOSITORY

function entry(path: string, content: Buffer) {
  const gitOid = createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex')
  const file = { type: 'file', path, size: content.length, oid: gitOid }
  if (content.length < LARGE) return file
  return {
    ...file,
    lfs: { oid: createHash('sha256').update(content).digest('hex'), size: content.length, pointerSize: 134 },
  }
}

/** Or closed. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done)
      resolve()
    }
    response.on('drain', done).on('close', done)
  })
}

async function listen(listener: RequestListener) {
  const server = createServer(listener)
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket.on('close', () => sockets.delete(socket)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = () => {
    for (const socket of sockets) socket.destroy()
    return new Promise<unknown>((resolve) => server.close(resolve))
  }
  return { port: (server.address() as AddressInfo).port, close }
}

const origin = ({ port }: { readonly port: number }) => `http://127.0.0.1:${port}`
