import { mkdir, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { UserError } from '../errors.ts'
import type { Model, ModelSource } from './catalog.ts'
import { isUnchanged } from './checksum.ts'
import { mustAccept, openHub, type Snapshot } from './client.ts'
import { download, sizeOfPart } from './download.ts'
import { isMeant, type ModelFile } from './files.ts'
import { covers, type LockedSource, readLock, writeLock } from './lock.ts'
import { lockPull } from './pull-lock.ts'
import { type Wait, waitFor } from './retry.ts'
import { readableSize } from './size.ts'

export interface PullOptions {
  /** The hub's address, without a `/` at the end. */
  readonly url: string
  readonly token?: string
  readonly signal: AbortSignal
  readonly onProgress: (progress: PullProgress) => void
  /** @default real time */
  readonly wait?: Wait
  /** A connection that sends nothing for this long is given up. @default 60,000 */
  readonly stallMilliseconds?: number
}

interface PullProgress {
  /** First the files that are here are compared with their checksums. */
  readonly stage: 'check' | 'fetch'
  readonly bytes: number
  readonly of: number
}

export interface Pulled {
  readonly files: readonly ModelFile[]
  /** How many files were missing or damaged. */
  readonly fetched: number
}

/**
 * Completes a model: asks the hub what it consists of, then downloads what is missing or damaged. It may be interrupted
 * at any moment and called again.
 *
 * @throws UserError; what the signal was aborted with
 */
export async function pullModel(model: Model, options: PullOptions): Promise<Pulled> {
  const { sources, folder } = model
  if (!sources) throw new UserError(`The model “${model.name}” ships with isto: there is nothing to pull.`)
  const { url, token, signal, onProgress, wait = waitFor, stallMilliseconds = 60_000 } = options
  using _lock = lockPull(model)

  // 1. Which files belong to it: from the lock, or from the hub.
  const hub = openHub({ url, token, wait })
  const found = await readLock(folder, sources)
  const known = found.map((lock, index) => (covers(lock, sources[index]!) ? lock : undefined))
  const locks: LockedSource[] = []
  for (const [index, source] of sources.entries()) {
    const { repository, revision, mustBeAccepted } = source
    if (!known[index] && mustBeAccepted && !token) throw mustAccept({ url, repository })
    locks.push(known[index] ?? settle(source, await hub.look(repository, revision, signal)))
  }
  const remote = locks.flatMap(({ repository, commit, files }) =>
    files.map((file) => ({ file, repository, commit, from: file.from ?? file.path })),
  )
  const files = remote.map(({ file }) => file)

  // 2. Which of them are here.
  const unusable = new Set(await findUnusable(folder, files, options))
  const missing = remote.filter(({ file }) => unusable.has(file))
  const isSettled = known.every((lock) => lock !== undefined)
  if (missing.length === 0) {
    if (!isSettled) await writeLock(folder, locks)
    return { files, fetched: 0 }
  }

  // 3. Is there room for the rest?
  const parts = await Promise.all(missing.map(({ file }) => sizeOfPart(join(folder, file.path))))
  const wanting = total([...unusable])
  await findRoom(model, wanting - parts.reduce((sum, bytes) => sum + bytes, 0))
  if (!isSettled) await writeLock(folder, locks)

  // 4. Download the rest, small files first, so that a problem with access shows early.
  let done = total(files) - wanting
  for (const { file, repository, commit, from } of missing.toSorted(
    (one, other) => one.file.bytes - other.file.bytes,
  )) {
    const path = join(folder, file.path)
    await mkdir(dirname(path), { recursive: true })
    const onBytes = (count: number) => onProgress({ stage: 'fetch', bytes: done + count, of: total(files) })
    const asked = { ...file, path: from, repository, commit }
    await download(asked, path, { hub, signal, onBytes, wait, stallMilliseconds })
    done += file.bytes
  }
  return { files, fetched: missing.length }
}

/** @throws UserError if the hub has something other than the manifest says */
function settle({ repository, revision, wanted }: ModelSource, { commit, files }: Snapshot): LockedSource {
  const chosen = wanted.flatMap((one) => {
    const found = files.filter(({ path }) => isMeant(path, one))
    if (found.length === 0) throw new UserError(`\`${repository}\` has no \`${one.path}\` (at ${commit}).`)
    for (const { path, bytes, sha256 } of found) {
      const isOther = (one.bytes ?? bytes) !== bytes || (one.sha256 ?? sha256) !== sha256
      if (isOther) throw new UserError(`\`${path}\` of \`${repository}\` is not the file that isto’s manifest names.`)
    }
    return one.as === undefined ? found : found.map((file) => renamed(file, one.path, one.as!))
  })
  return { repository, revision, commit, files: chosen }
}

const renamed = (file: ModelFile, path: string, as: string): ModelFile => ({
  ...file,
  path: as + file.path.slice(path.length),
  from: file.path,
})

async function findUnusable(
  folder: string,
  files: readonly ModelFile[],
  { signal, onProgress }: PullOptions,
): Promise<ModelFile[]> {
  const unusable: ModelFile[] = []
  let bytes = 0
  for (const file of files) {
    const onBytes = (count: number) => {
      bytes += count
      onProgress({ stage: 'check', bytes, of: total(files) })
    }
    const isHere = await isUnchanged(join(folder, file.path), file, { signal, onBytes }).catch((error: unknown) => {
      signal.throwIfAborted()
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
      throw error
    })
    if (!isHere) unusable.push(file)
  }
  return unusable
}

async function findRoom({ name, folder }: Model, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  if (bavail * bsize >= bytes) return
  throw new UserError(
    `There is no room for the model “${name}”: ${readableSize(bytes)} are needed, ` +
      `${readableSize(bavail * bsize)} are free where \`${folder}\` lies.`,
  )
}

const total = (files: readonly ModelFile[]) => files.reduce((sum, { bytes }) => sum + bytes, 0)
