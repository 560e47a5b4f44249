import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { UserError } from '../errors.ts'
import type { Metrics } from './metrics.ts'
import type { Signs } from './vitals.ts'

interface HealthOptions {
  /** Port 0 takes any free port. */
  readonly port: number
  readonly host: string
  readonly read: () => Promise<Signs>
  readonly metrics: Metrics
}

export interface Health {
  /** `http://127.0.0.1:8080` */
  readonly origin: string
  readonly close: () => Promise<void>
}

/**
 * Serves `/healthz`: 200, or 503 with what is wrong; and `/metrics`: Prometheus's text format.
 *
 * @throws UserError if the port can't be opened
 */
export async function startHealth({ port, host, read, metrics }: HealthOptions): Promise<Health> {
  const server = createServer(async (request, response) => {
    const answer = (status: number, type: string, body: string) =>
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body)
    const path = request.url?.split('?')[0]
    if (request.method !== 'GET' && request.method !== 'HEAD') return answer(405, 'text/plain', 'GET only\n')
    if (path !== '/healthz' && path !== '/metrics') return answer(404, 'text/plain', '/healthz or /metrics\n')
    const signs = await read().catch((error: unknown) => (error instanceof Error ? error.message : String(error)))
    if (typeof signs === 'string') {
      return answer(503, 'application/json', JSON.stringify({ isHealthy: false, faults: [signs] }))
    }
    const faults = faultsOf(signs)
    if (path === '/metrics') return answer(200, metrics.contentType, await metrics.collect(signs, faults.length === 0))
    return answer(
      faults.length > 0 ? 503 : 200,
      'application/json',
      JSON.stringify({ isHealthy: faults.length === 0, faults }),
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', ({ code }: NodeJS.ErrnoException) =>
      reject(new UserError(`The port \`HEALTH_PORT\` ${port} on ${host} can’t be opened (${code}): choose another.`)),
    )
    server.listen(port, host, resolve)
  })
  const { port: actual } = server.address() as AddressInfo
  return {
    origin: `http://${host.includes(':') ? `[${host}]` : host}:${actual}`,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Discord may be gone for this long: it asks bots to reconnect several times a day. */
const goneLimitSeconds = 60
/** Longer than a hung worker is left alive (worker-client.ts): one that is silent for longer can't be ended. */
const silenceLimitSeconds = 330
const endsLimit = 3

/** What is wrong, one sentence each. */
export function faultsOf({
  gateway,
  worker,
  workers,
}: Pick<Signs, 'gateway' | 'worker' | 'workers'>): readonly string[] {
  return [
    workers?.length === 0 && 'No worker is connected.',
    gateway.goneFor >= goneLimitSeconds && `Discord has been gone for ${Math.round(gateway.goneFor)} s.`,
    worker.silentFor >= silenceLimitSeconds && `The worker has been silent for ${Math.round(worker.silentFor)} s.`,
    worker.endsInARow >= endsLimit && `The worker ended ${worker.endsInARow} times without finishing a job.`,
  ].filter((fault) => fault !== false)
}
