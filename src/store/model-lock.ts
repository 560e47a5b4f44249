import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isModelFile, type ModelFile } from './model-file.ts'

/** What was, or is being, fetched: it stays the same when the hub's branch has moved on. */
export interface ModelLock {
  readonly repository: string
  /** As the manifest had it. */
  readonly revision: string
  /** What that was at the time. */
  readonly commit: string
  readonly files: readonly ModelFile[]
}

/** @returns undefined when there is none, or it is of something else than the manifest asks for */
export async function readLock(
  folder: string,
  { repository, revision }: Pick<ModelLock, 'repository' | 'revision'>,
): Promise<ModelLock | undefined> {
  let lock: ModelLock
  try {
    lock = Object(JSON.parse(await readFile(lockPath(folder), 'utf8')))
  } catch {
    // A damaged one is as good as none: it is asked for again, and what is here is compared.
    return undefined
  }
  const isSame = lock.repository === repository && lock.revision === revision
  return isSame && Array.isArray(lock.files) && lock.files.every(isModelFile) ? lock : undefined
}

export async function writeLock(folder: string, lock: ModelLock): Promise<void> {
  const path = lockPath(folder)
  await writeFile(`${path}.part`, `${JSON.stringify(lock, undefined, 2)}\n`)
  await rename(`${path}.part`, path)
}

const lockPath = (folder: string) => join(folder, 'lock.json')
