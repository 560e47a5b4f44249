import { WebSocket } from 'ws'
import { type Loopback, token, until } from './discord.ts'

/** A gateway session without discord.js between. */
export interface RawSession {
  /** What came, in order. */
  readonly received: { readonly op: number; readonly t?: string; readonly s?: number; readonly d: unknown }[]
  readonly send: (op: number, d: unknown) => void
  /** Ends the connection without a word, as a network does. */
  readonly drop: () => void
  /** Resolves with the close code. */
  readonly closed: Promise<number>
  /** Waits for an event, or for an operation that is no event, and for one with this id; the last of its kind. */
  readonly seen: <Content = Data>(what: string | number, id?: string) => Promise<Content>
}

export async function openSession(discord: Loopback, hello: object = { token }, op = 2): Promise<RawSession> {
  const socket = new WebSocket(`${discord.origin.replace('http', 'ws')}/gateway`)
  const received: { op: number; t?: string; s?: number; d: unknown }[] = []
  socket.on('message', (raw) => received.push(JSON.parse(String(raw))))
  const closed = new Promise<number>((resolve) => socket.on('close', resolve))
  const send = (op: number, d: unknown) => socket.send(JSON.stringify({ op, d }))
  await until(() => received.length > 0, 'the hello')
  send(op, hello)
  const isMeant = (what: string | number, id?: string) => (one: RawSession['received'][number]) =>
    (one.t === what || one.op === what) && (id === undefined || (one.d as { id?: string }).id === id)
  return {
    received,
    send,
    closed,
    drop: () => socket.terminate(),
    seen: async <Content>(what: string | number, id?: string) => {
      await until(() => received.some(isMeant(what, id)), `${what} ${id ?? ''}`, 5000)
      return received.findLast(isMeant(what, id))!.d as Content
    },
  }
}

/** Whatever is created has an id. */
export interface Data extends Readonly<Record<string, unknown>> {
  readonly id: string
}

export interface Answer<Content = Data> {
  readonly status: number
  readonly code?: number
  /** `status code`, or the status where there is no code. */
  readonly line: string
  readonly data: Content
  readonly headers: Headers
}

export interface RequestOptions {
  /** Sent as a form, by name. */
  readonly files?: Readonly<Record<string, Uint8Array>>
  readonly authorization?: string
  /** Whether a request of too many is made again later. @default true */
  readonly isPatient?: boolean
}

/** A request to the API. */
export async function request<Content = Data>(
  discord: Loopback,
  method: string,
  path: string,
  body?: unknown,
  options: RequestOptions = {},
): Promise<Answer<Content>> {
  const { files, authorization = `Bot ${token}`, isPatient = true } = options
  const form = new FormData()
  form.set('payload_json', JSON.stringify(body))
  for (const [index, [name, bytes]] of Object.entries(files ?? {}).entries()) {
    form.set(`files[${index}]`, new Blob([new Uint8Array(bytes)]), name)
  }
  const response = await fetch(`${discord.apiUrl}/v10/${path}`, {
    method,
    body: files ? form : body === undefined ? null : JSON.stringify(body),
    headers: { authorization, ...(!files && { 'content-type': 'application/json' }) },
  })
  const text = await response.text()
  const data = text ? JSON.parse(text) : {}
  const { status, headers } = response
  if (data.global && isPatient) {
    await new Promise((resolve) => setTimeout(resolve, 1000 * data.retry_after))
    return request<Content>(discord, method, path, body, options)
  }
  return { status, code: data.code, line: `${status} ${data.code ?? ''}`.trim(), data, headers }
}
