import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isMeant, isModelFile, type ModelFile, type WantedFile } from './files.ts'

/** What was, or is being, downloaded from a repository. It stays the same when the hub's branch moves on. */
export interface LockedSource {
  readonly repository: string
  /** As in the manifest. */
  readonly revision: string
  /** The commit of that revision at the time. */
  readonly commit: string
  readonly files: readonly ModelFile[]
}

/** @returns What is locked for each source; undefined where nothing is */
export async function readLock(
  folder: string,
  sources: readonly Pick<LockedSource, 'repository' | 'revision'>[],
): Promise<(LockedSource | undefined)[]> {
  const known = await readSources(folder)
  return sources.map(({ repository, revision }) =>
    known.find((one) => one.repository === repository && one.revision === revision),
  )
}

/** Whether everything that the manifest asks for is locked. */
export function covers(
  lock: LockedSource | undefined,
  { wanted }: { readonly wanted: readonly WantedFile[] },
): lock is LockedSource {
  return !!lock && wanted.every((each) => lock.files.some(({ path, from = path }) => isMeant(from, each)))
}

export async function writeLock(folder: string, sources: readonly LockedSource[]): Promise<void> {
  const path = lockPath(folder)
  await writeFile(`${path}.part`, `${JSON.stringify({ sources }, undefined, 2)}\n`)
  await rename(`${path}.part`, path)
}

/** A damaged lock counts as none: the hub is asked again, and the files here are compared. */
async function readSources(folder: string): Promise<readonly LockedSource[]> {
  try {
    const { sources } = Object(JSON.parse(await readFile(lockPath(folder), 'utf8')))
    return Array.isArray(sources) ? sources.filter(isLocked) : []
  } catch {
    return []
  }
}

function isLocked(value: unknown): value is LockedSource {
  const { commit, files } = Object(value)
  return typeof commit === 'string' && Array.isArray(files) && files.every(isModelFile)
}

const lockPath = (folder: string) => join(folder, 'lock.json')
