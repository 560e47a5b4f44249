import { open, rename, rm, stat } from 'node:fs/promises'
import { UserError } from '../errors.ts'
import { feed, isRight, startChecksum } from './checksum.ts'
import { type Hub, NoRangeError, type RemoteFile } from './client.ts'
import { pauseBefore, TRIES, type Wait } from './retry.ts'

interface DownloadOptions {
  readonly hub: Pick<Hub, 'read'>
  readonly signal: AbortSignal
  /** Called with the number of bytes that are here now. */
  readonly onBytes: (count: number) => void
  readonly wait: Wait
  /** A connection that sends nothing for this long is given up. */
  readonly stallMilliseconds: number
}

/**
 * Downloads a file to `path`, where it appears complete and with the right checksum, or not at all. Partial downloads
 * keep a `.part` suffix, and the next call resumes them.
 *
 * @throws UserError if it can't be downloaded; what the signal was aborted with
 */
export async function download(file: RemoteFile, path: string, options: DownloadOptions): Promise<void> {
  const part = partOf(path)
  let isFromTheStart = (await sizeOfPart(path)) === 0
  for (;;) {
    const hash = startChecksum(file)
    try {
      await receive(file, part, hash, options)
    } catch (error) {
      if (error instanceof NoRangeError) await rm(part, { force: true })
      throw error
    }
    if (isRight(hash, file)) break
    await rm(part, { force: true })
    // An earlier partial download may have been damaged.
    if (isFromTheStart) throw wrong(file)
    isFromTheStart = true
  }
  await rename(part, path)
}

export const partOf = (path: string) => `${path}.part`

export async function sizeOfPart(path: string): Promise<number> {
  return (await stat(partOf(path)).catch(() => undefined))?.size ?? 0
}

async function receive(
  file: RemoteFile,
  part: string,
  hash: ReturnType<typeof startChecksum>,
  { hub, signal, onBytes, wait, stallMilliseconds }: DownloadOptions,
): Promise<void> {
  await using handle = await open(part, 'a')
  let { size } = await handle.stat()
  if (size > file.bytes) {
    await handle.truncate(0)
    size = 0
  }
  if (size > 0) await feed(hash, part, { signal })
  onBytes(size)
  for (let failures = 0; size < file.bytes; ) {
    const from = size
    const watch = watchFor(stallMilliseconds)
    try {
      for await (const piece of hub.read(file, from, AbortSignal.any([signal, watch.signal]), watch.refresh)) {
        watch.refresh()
        if (size + piece.length > file.bytes) throw wrong(file)
        await write(handle, piece, part)
        hash.update(piece)
        size += piece.length
        onBytes(size)
      }
      if (size < file.bytes) throw new Error('The connection ended too early.')
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof UserError) throw error
      failures = size > from ? 1 : failures + 1
      if (failures === TRIES) throw cut(file, error)
      await wait(pauseBefore(failures), signal)
    } finally {
      watch.stop()
    }
  }
  await handle.sync()
}

/** Starts with the first `refresh`. */
function watchFor(milliseconds: number) {
  const controller = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const stop = () => clearTimeout(timer)
  const refresh = () => {
    stop()
    timer = setTimeout(() => controller.abort(new Error('The connection has stalled.')), milliseconds)
  }
  return { signal: controller.signal, refresh, stop }
}

async function write(handle: Awaited<ReturnType<typeof open>>, piece: Uint8Array, part: string): Promise<void> {
  try {
    for (let done = 0; done < piece.length; ) done += (await handle.write(piece, done)).bytesWritten
  } catch (cause) {
    const { code = String(cause) } = cause as NodeJS.ErrnoException
    const why = code === 'ENOSPC' || code === 'EDQUOT' ? 'the disk is full' : code
    throw new UserError(`\`${part}\` cannot be written (${why}): make room, then pull again to resume.`, {}, { cause })
  }
}

const wrong = ({ path, repository }: RemoteFile) =>
  new UserError(`The checksum of \`${path}\` of \`${repository}\` is wrong, so the file was deleted: pull again.`)

const cut = ({ path }: RemoteFile, cause: unknown) =>
  new UserError(`The connection broke repeatedly at \`${path}\`: pull again to resume.`, {}, { cause })
