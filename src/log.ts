import { type DestinationStream, pino } from 'pino'
import { scrub } from './scrub.ts'

interface LogOptions {
  /** Less urgent lines are dropped. @default 'info' */
  readonly level?: Level | 'silent'
  /** One readable line each, for a terminal, instead of a JSON object. @default false */
  readonly isReadable?: boolean
  /** Strings that are never written, wherever they occur: the bot's token. @default none */
  readonly secrets?: readonly string[]
  /** Receives finished lines. @default standard output */
  readonly write?: (line: string) => void
}

type Level = 'debug' | 'info' | 'warn' | 'error'

/** Each takes one sentence, and details if there are any. */
export type Log = Readonly<Record<Level, (sentence: string, details?: unknown) => void>>

/**
 * A log that contains no token, no signed address and no picture, whatever it is given. Strings are searched for them,
 * byte arrays become their length, and unreadable values become a word. Logging never throws.
 */
export function createLog({ level = 'info', isReadable = false, secrets = [], write }: LogOptions = {}): Log {
  const print = write ?? printTo(pino.destination({ dest: 1, sync: true }))
  const destination = isReadable ? { write: (line: string) => print(readable(line)) } : { write: print }
  const logger = pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: name } },
    destination,
  )
  const at = (level: Level) => (sentence: string, details?: unknown) => {
    if (!logger.isLevelEnabled(level)) return
    const fields = details === undefined ? {} : { details: scrub(details, secrets) }
    logger[level](fields, '%s', scrub(sentence, secrets))
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

const name = (label: string) => ({ level: label })

const printTo = (destination: DestinationStream) => (line: string) => destination.write(line)

/**
 * `12:03:01 warn: …`: one line without control characters, so that no name can forge a second line or colour the
 * terminal.
 */
function readable(json: string): string {
  const { level, time, msg, details } = JSON.parse(json) as Readonly<Record<string, unknown>>
  const mark = level === 'info' ? '' : `${level}: `
  const rest = details === undefined ? '' : ` ${typeof details === 'string' ? details : JSON.stringify(details)}`
  const text = `${mark}${msg}${rest}`
  return `${String(time).slice(11, 19)} ${text.replaceAll(/\s*[\r\n]+\s*/g, ' | ').replaceAll(/\p{Cc}|\p{Bidi_Control}/gu, '�')}\n`
}
