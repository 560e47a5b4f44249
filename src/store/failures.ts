import { UserError } from '../errors.ts'
import { template } from '../sentence.ts'

/** What remains of an error of SQLite, Postgres or the file system when it leaves a thread. */
export interface Failure {
  readonly message: string
  /** SQLite's result code (without its extension), or the file system's, such as `ENOSPC`. */
  readonly code?: number | string | undefined
}

/** SQLite's code for a damaged file; we also use it for a value that is not what was written. */
export const damaged = 11
/**
 * SQLite's code for an unknown format, which SQLite itself no longer uses; ours for a file that only a newer isto
 * understands.
 */
export const tooNew = 24

/** Our own code for a database on the network that can't be reached. */
export const gone = 'gone'

type Kind = 'gone' | 'busy' | 'damaged' | 'forbidden' | 'full' | 'disk' | 'too new'

const kinds: Readonly<Record<number | string, Kind>> = {
  5: 'busy',
  10: 'disk',
  [damaged]: 'damaged',
  13: 'full',
  [tooNew]: 'too new',
  26: 'damaged',
  3: 'forbidden',
  8: 'forbidden',
  14: 'forbidden',
  EACCES: 'forbidden',
  EPERM: 'forbidden',
  EROFS: 'forbidden',
  ENOTDIR: 'forbidden',
  EEXIST: 'forbidden',
  ENOENT: 'forbidden',
  ENOSPC: 'full',
  EDQUOT: 'full',
  EIO: 'disk',
  // Postgres's codes.
  [gone]: 'gone',
  53100: 'full',
  42501: 'forbidden',
  '28P01': 'forbidden',
  28000: 'forbidden',
  '3D000': 'forbidden',
  XX001: 'damaged',
  XX002: 'damaged',
}

export function failureOf(error: unknown): Failure {
  const { message, code, errcode } = Object(error) as { message?: string; code?: string; errcode?: number }
  return { message: String(message), code: errcode === undefined ? code : errcode & 0xff }
}

/** For the person who starts the bot: names the file. */
export function errorAtOpening(path: string, failure: Failure): Error {
  return toError(failure, {
    busy: `\`${path}\` is in use by another process: stop that one, or give each its own \`DATA_DIR\`.`,
    damaged: `\`${path}\` is damaged: restore a copy of it, or move it away to start with an empty one.`,
    forbidden: `\`${path}\` can't be written: check that its folder is one that you may write to.`,
    full: `There is no room for \`${path}\`: its disk is full.`,
    disk: `\`${path}\` can't be read or written: check its disk.`,
    'too new': `\`${path}\` was written by a newer version of isto: start that one.`,
  })
}

/** For the person who starts the bot or a worker. */
export function errorAtConnecting(failure: Failure): Error {
  return toError(failure, {
    gone: 'The Postgres of `DATABASE_URL` can’t be reached: check the address and the network, and whether it is running.',
    forbidden:
      'The Postgres of `DATABASE_URL` refuses access: check the user, the password, the database and its permissions.',
  })
}

/** For the people who use the bot: says nothing about the machine. */
export function errorInUse(failure: Failure): Error {
  return toError(failure, {
    gone: template('My database can’t be reached right now; please try again in a minute.'),
    damaged: template('Part of what I had saved is damaged. Please tell the person who runs me.'),
    forbidden: template(
      'I may no longer write to my disk, so nothing was changed. Please tell the person who runs me.',
    ),
    full: template('My disk is full, so nothing was changed. Please tell the person who runs me.'),
    disk: template('My disk can’t be read or written. Please tell the person who runs me.'),
  })
}

function toError({ message, code = '' }: Failure, sentences: Partial<Record<Kind, string>>): Error {
  const kind = kinds[code]
  const sentence = kind && sentences[kind]
  const cause = Object.assign(new Error(message), { code })
  return sentence ? new UserError(sentence, {}, { cause }) : new Error('The database failed.', { cause })
}
