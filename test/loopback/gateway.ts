import type { Server } from 'node:http'
import { type WebSocket, WebSocketServer } from 'ws'

// docs.discord.com/developers/events/gateway

export interface GatewayOptions {
  readonly server: Server
  readonly token: string
  readonly user: object
  readonly applicationId: string
  /** Whole guilds; each is sent after READY, as Discord does. */
  readonly guilds: () => readonly { readonly id: string }[]
}

export interface Gateway {
  /**
  Sends an event to every session that has identified itself; one that is cut off gets it when it resumes.
  @throws Error for an interaction that no bot could ever see
  */
  readonly dispatch: (type: string, data: object) => void
  /** Ends every connection with a close code of Discord's. */
  readonly kick: (code: number) => void
  /** Breaks every connection, as a network does. The sessions can be resumed. */
  readonly cut: () => void
  /** Tells every bot to connect again and resume (op 7). */
  readonly askToReconnect: () => void
  /** Tells every bot that its session is invalid (op 9); one that is not resumable is gone. */
  readonly invalidate: (isResumable: boolean) => void
  /** How often bots have started a session, gone on with one, and how many are connected. */
  readonly counts: () => { readonly identified: number; readonly resumed: number; readonly connected: number }
  readonly close: () => void
}

interface Session {
  readonly id: string
  readonly intents: number
  /** Which part of the servers it hears of, of how many. */
  readonly shard: readonly [id: number, count: number]
  /** All that was sent, and the place of each is its sequence number. */
  readonly sent: { readonly t: string; readonly d: object }[]
  socket?: WebSocket
}

/** What a bot says of itself when it identifies or resumes. */
interface Hello {
  readonly token?: string
  readonly intents?: number
  readonly shard?: readonly [id: number, count: number]
  readonly session_id?: string
  readonly seq?: number
}

const GUILDS = 1 << 0
/** Members, presences, message content: nobody has approved this application for them. */
const privileged = (1 << 1) | (1 << 8) | (1 << 15)
/** After these there is nothing to resume. */
const final: readonly number[] = [1000, 1001, 4004, 4007, 4009, 4010, 4011, 4012, 4013, 4014]

/** Direct messages are of shard 0. */
const isOf = ([id, count]: Session['shard'], guild: string | undefined) =>
  Number(BigInt(guild ?? 0) >> 22n) % count === id

/** Hello, identify, ready, the guilds, heartbeats, resume; a wrong token ends the session with 4004. */
export function createGateway({ server, token, user, applicationId, guilds }: GatewayOptions): Gateway {
  const sockets = new WebSocketServer({ server, path: '/gateway' })
  const sessions = new Map<string, Session>()
  let [identified, resumed] = [0, 0]

  const send = (session: Session, t: string, d: object) => {
    session.sent.push({ t, d })
    session.socket?.send(JSON.stringify({ op: 0, t, s: session.sent.length, d }))
  }
  const sessionOf = (socket: WebSocket) => [...sessions.values()].find((one) => one.socket === socket)

  const identify = (socket: WebSocket, { intents = GUILDS, shard = [0, 1] }: Hello) => {
    if (sessionOf(socket)) return socket.close(4005, 'Already authenticated.')
    if (intents & privileged) return socket.close(4014, 'Disallowed intent(s).')
    const session: Session = { id: `session-${++identified}`, intents, shard, sent: [], socket }
    sessions.set(session.id, session)
    const { port } = server.address() as { port: number }
    const all = guilds().filter(({ id }) => isOf(shard, id))
    send(session, 'READY', {
      v: 10,
      user,
      session_id: session.id,
      resume_gateway_url: `ws://127.0.0.1:${port}/gateway`,
      application: { id: applicationId, flags: 0 },
      guilds: all.map(({ id }) => ({ id, unavailable: true })),
    })
    for (const guild of all) if (intents & GUILDS) send(session, 'GUILD_CREATE', guild)
  }

  const resume = (socket: WebSocket, { session_id, seq }: Hello) => {
    const session = sessions.get(session_id ?? '')
    if (!session) return socket.send(JSON.stringify({ op: 9, d: false }))
    if (!Number.isInteger(seq) || seq! > session.sent.length) return socket.close(4007, 'Invalid seq.')
    if (session.socket !== socket) session.socket?.terminate()
    session.socket = socket
    resumed++
    for (const [index, { t, d }] of session.sent.entries()) {
      if (index >= seq!) socket.send(JSON.stringify({ op: 0, t, s: index + 1, d }))
    }
    send(session, 'RESUMED', {})
  }

  sockets.on('connection', (socket) => {
    socket.send(JSON.stringify({ op: 10, d: { heartbeat_interval: 41_250 } }))
    socket.on('close', (code) => {
      const session = sessionOf(socket)
      if (!session) return
      session.socket = undefined
      if (final.includes(code)) sessions.delete(session.id)
    })
    socket.on('message', (raw) => {
      const { op, d } = JSON.parse(String(raw)) as { op: number; d: Hello }
      if (op === 1) return socket.send(JSON.stringify({ op: 11 }))
      if (op !== 2 && op !== 6) return sessionOf(socket) ? undefined : socket.close(4003, 'Not authenticated.')
      if (d.token !== token) return socket.close(4004, 'Authentication failed.')
      if (op === 2) identify(socket, d)
      else resume(socket, d)
    })
  })

  const connected = () => [...sessions.values()].flatMap(({ socket }) => socket ?? [])
  const tell = (op: number, d: unknown) => {
    for (const socket of connected()) socket.send(JSON.stringify({ op, d }))
  }

  return {
    dispatch: (type, data) => {
      if (sessions.size === 0 && type === 'INTERACTION_CREATE') throw new Error('No bot is connected.')
      const isOfGuild = type.startsWith('GUILD_') || type.startsWith('CHANNEL_')
      const { guild_id, id } = data as { guild_id?: string; id?: string }
      const guild = guild_id ?? (type.startsWith('GUILD_') ? id : undefined)
      for (const session of sessions.values()) {
        if (isOf(session.shard, guild) && (!isOfGuild || session.intents & GUILDS)) send(session, type, data)
      }
    },
    kick: (code) => {
      for (const socket of connected()) socket.close(code)
    },
    cut: () => {
      for (const socket of connected()) socket.terminate()
    },
    askToReconnect: () => tell(7, null),
    invalidate: (isResumable) => {
      tell(9, isResumable)
      if (!isResumable) sessions.clear()
    },
    counts: () => ({ identified, resumed, connected: connected().length }),
    close: () => {
      for (const socket of sockets.clients) socket.terminate()
      sockets.close()
    },
  }
}
