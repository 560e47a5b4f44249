import type { Server } from 'node:http'
import { type WebSocket, WebSocketServer } from 'ws'

export interface GatewayOptions {
  readonly server: Server
  readonly token: string
  readonly user: object
  readonly applicationId: string
  /** Whole guilds; each is sent after READY, as Discord does. */
  readonly guilds: readonly { readonly id: string }[]
}

export interface Gateway {
  /** Sends an event to every session that has identified itself. */
  readonly dispatch: (type: string, data: object) => void
  /** Ends every session with a close code of Discord's. */
  readonly kick: (code: number) => void
  readonly close: () => void
}

/** Hello, identify, ready, the guilds, heartbeats; a wrong token ends the session with 4004. */
export function createGateway({ server, token, user, applicationId, guilds }: GatewayOptions): Gateway {
  const sockets = new WebSocketServer({ server, path: '/gateway' })
  const sessions = new Map<WebSocket, number>()

  const send = (socket: WebSocket, t: string, d: object) => {
    const s = (sessions.get(socket) ?? 0) + 1
    sessions.set(socket, s)
    socket.send(JSON.stringify({ op: 0, t, s, d }))
  }

  sockets.on('connection', (socket) => {
    socket.send(JSON.stringify({ op: 10, d: { heartbeat_interval: 41_250 } }))
    socket.on('close', () => sessions.delete(socket))
    socket.on('message', (raw) => {
      const { op, d } = JSON.parse(String(raw)) as { op: number; d: { token?: string } }
      if (op === 1) return socket.send(JSON.stringify({ op: 11 }))
      if (op !== 2) return
      if (d.token !== token) return socket.close(4004, 'Authentication failed.')
      const { port } = server.address() as { port: number }
      send(socket, 'READY', {
        ...{ v: 10, user, session_id: 'session', resume_gateway_url: `ws://127.0.0.1:${port}/gateway` },
        application: { id: applicationId, flags: 0 },
        guilds: guilds.map(({ id }) => ({ id, unavailable: true })),
      })
      for (const guild of guilds) send(socket, 'GUILD_CREATE', guild)
    })
  })

  return {
    dispatch: (type, data) => {
      if (sessions.size === 0) throw new Error('No bot is connected.')
      for (const socket of sessions.keys()) send(socket, type, data)
    },
    kick: (code) => {
      for (const socket of sessions.keys()) socket.close(code)
    },
    close: () => {
      for (const socket of sockets.clients) socket.terminate()
      sockets.close()
    },
  }
}
