import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** The unchanged bot, as `npm start` runs it. */
export interface BotProcess {
  readonly child: ChildProcess
  /** What it wrote so far. */
  readonly output: () => string
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>
}

/** @param settings As in .env; those of this machine's .env do not count. */
export function startProcess(settings: Readonly<Record<string, string>>): BotProcess {
  // Empty, as in a copy of .env.example.
  const names = [...readFileSync('.env.example', 'utf8').matchAll(/^(\w+)=/gm)].map(([, name]) => name!)
  const unset = Object.fromEntries(names.map((name) => [name, '']))
  // What the bot does must not depend on where it is tested.
  const { CI: _, ...env } = process.env
  const child = spawn(process.execPath, ['src/main.ts', '--leave-with-parent'], {
    env: { ...env, ...unset, ...settings },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  const ended = new Promise<number | string>((resolve) =>
    child.once('close', (code, how) => resolve(how ?? code ?? -1)),
  )
  return { child, output: () => output, ended }
}

/** The process in which the bot's models run. */
export function workerOf({ child }: BotProcess): number | undefined {
  return parents().find(([, parent]) => parent === child.pid)?.[0]
}

/** Every process and its parent. */
function parents(): readonly (readonly [pid: number, parent: number])[] {
  if (!existsSync('/proc/self/stat')) {
    const listed = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n')
    return listed.map((line) => line.trim().split(/\s+/).map(Number) as [number, number])
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => [Number(name), parentFromStat(name)])
}

function parentFromStat(pid: string): number {
  try {
    return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')[1])
  } catch {
    return -1 // ended meanwhile
  }
}
