import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'

interface Checksum {
  readonly bytes: number
  /** The SHA-256 of the content. */
  readonly sha256?: string
  /** The file's name in git: the SHA-1 of "blob", its size, a zero byte and the content. */
  readonly gitOid?: string
}

interface FeedOptions {
  readonly signal?: AbortSignal
  /** Called with the size of each piece that was read. */
  readonly onBytes?: (count: number) => void
}

/** A hash that is to be fed the content from its beginning. */
export function startChecksum({ bytes, sha256 }: Checksum): Hash {
  return sha256 === undefined ? createHash('sha1').update(`blob ${bytes}\0`) : createHash('sha256')
}

export const isRight = (hash: Hash, { sha256, gitOid }: Checksum): boolean => hash.digest('hex') === (sha256 ?? gitOid)

export async function isUnchanged(path: string, expected: Checksum, options?: FeedOptions): Promise<boolean> {
  if ((await stat(path)).size !== expected.bytes) return false
  const hash = startChecksum(expected)
  await feed(hash, path, options)
  return isRight(hash, expected)
}

export async function feed(hash: Hash, path: string, { signal, onBytes }: FeedOptions = {}): Promise<void> {
  for await (const piece of createReadStream(path, { highWaterMark: 2 ** 20, signal })) {
    hash.update(piece)
    onBytes?.(piece.length)
  }
}
