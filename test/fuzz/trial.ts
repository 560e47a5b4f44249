import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seed } from './dice.ts'
import type { Answer, Outcome, Question } from './subject.ts'

export interface Case extends Question {
  /** Says how the file is made, so that it can be made again. */
  readonly name: string
  /** @default either */
  readonly expected?: 'valid' | 'refused'
}

export interface Ordeal {
  /** What became of the cases, one after the other. Rejects with a list of all that went wrong. */
  readonly endure: (cases: Iterable<Case>) => Promise<Outcome[]>
  /** Rejects when the process wrote anything at the last. */
  readonly close: () => Promise<void>
}

const LONGEST_SECONDS = 5
/** A process that is slow for others' sake is not hung. */
const TIMEOUT_SECONDS = 120
const LARGEST_KILOBYTES = 1e6

/**
 * Puts files before a process of its own: `inside` it, or through the child that it starts, as the bot does. Whatever
 * the process writes, leaves behind, takes too long or too much memory for is a fault, and so is its end.
 */
export function startOrdeal(way: 'inside' | 'through the child'): Ordeal {
  const home = mkdtempSync(join(tmpdir(), 'isto-fuzz-'))
  const folders = { TMPDIR: join(home, 'tmp'), HOME: join(home, 'home') }
  for (const folder of Object.values(folders)) mkdirSync(folder)
  let written = ''
  let child = start()

  function start(): ChildProcess {
    const started = fork(new URL('subject.ts', import.meta.url), [way], {
      serialization: 'advanced',
      silent: true,
      cwd: folders.HOME,
      // As config.ts has it.
      env: { ...process.env, ...folders, ORT_DISABLE_TELEMETRY: '1' },
    })
    for (const stream of [started.stdout, started.stderr]) stream?.on('data', (data) => (written += data))
    return started
  }

  const end = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = Promise.all([once(child, 'exit'), once(child.stdout!, 'close'), once(child.stderr!, 'close')])
    const deaf = setTimeout(() => child.kill('SIGKILL'), 10_000)
    child.disconnect()
    await gone
    clearTimeout(deaf)
  }

  const ask = ({ kind, bytes }: Case): Promise<Answer | string> =>
    new Promise((resolve) => {
      const settle = (answer: Answer | string) => {
        clearTimeout(timer)
        child.off('message', settle).off('exit', died)
        resolve(answer)
      }
      const died = (code: number | null, signal: string | null) => settle(`the process died (${signal ?? code})`)
      const timer = setTimeout(() => {
        child.kill('SIGKILL')
        settle(`no answer in ${TIMEOUT_SECONDS} s`)
      }, TIMEOUT_SECONDS * 1000)
      child.on('message', settle).on('exit', died)
      child.send({ kind, bytes } satisfies Question, (error) => {
        if (error) settle(`the process is gone (${child.signalCode ?? child.exitCode})`)
      })
    })

  const endure: Ordeal['endure'] = async (cases) => {
    const outcomes: Outcome[] = []
    const faults: string[] = []
    for (const each of cases) {
      const answer = await ask(each)
      const found = typeof answer === 'string' ? [answer] : faultsOf(answer, each)
      if (written) found.push(`it wrote ${JSON.stringify(written)}`)
      written = ''
      faults.push(...found.map((fault) => `${each.name}: ${fault}`))
      if (typeof answer === 'string' || answer.kilobytes > LARGEST_KILOBYTES) {
        await end()
        child = start()
      }
      if (typeof answer !== 'string') outcomes.push(answer.outcome)
      if (faults.length >= MOST_FAULTS) break
    }
    if (faults.length) throw new Error(`With FUZZ_SEED=${seed}:\n${faults.join('\n')}`)
    return outcomes
  }

  const close = async () => {
    await end()
    rmSync(home, { recursive: true })
    if (written) throw new Error(`Something was written: ${JSON.stringify(written)}`)
  }
  return { endure, close }
}

const MOST_FAULTS = 20

function faultsOf({ outcome, seconds, kilobytes, left }: Answer, { expected }: Case): string[] {
  return [
    ...(outcome.type === 'wrong' ? [outcome.what] : []),
    ...(expected && outcome.type !== expected ? [`it was to be ${expected}`] : []),
    ...(seconds > LONGEST_SECONDS ? [`it took ${seconds.toFixed(1)} s`] : []),
    ...(kilobytes > LARGEST_KILOBYTES ? [`it took ${Math.round(kilobytes / 1024)} MB`] : []),
    ...(left.length ? [`it left ${left.join(', ')}`] : []),
  ]
}
