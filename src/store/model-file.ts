export interface ModelFile {
  /** Inside the model's folder, with `/`. */
  readonly path: string
  readonly bytes: number
  /** One of the two is there: a hub names small files by git's checksum only. */
  readonly sha256?: string
  readonly gitOid?: string
}

export function isModelFile(value: unknown): value is ModelFile {
  const { path, bytes, sha256, gitOid } = Object(value)
  const isChecked = sha256 === undefined ? /^[0-9a-f]{40}$/.test(gitOid) : /^[0-9a-f]{64}$/.test(sha256)
  return isInside(path) && Number.isSafeInteger(bytes) && bytes >= 0 && isChecked
}

/** A path that does not lead out of the folder. */
export function isInside(path: unknown): path is string {
  if (typeof path !== 'string' || path.includes('\\')) return false
  return !path.split('/').some((part) => ['', '.', '..'].includes(part))
}
