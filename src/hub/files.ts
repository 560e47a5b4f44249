export interface ModelFile {
  /** Its path inside the model's folder, with `/`. */
  readonly path: string
  /** Its path in the repository. @default `path` */
  readonly from?: string
  readonly bytes: number
  /** One of the two is present: a hub knows small files by git's checksum only. */
  readonly sha256?: string
  readonly gitOid?: string
}

/** What a model needs from a repository. */
export interface WantedFile extends Partial<Omit<ModelFile, 'from'>> {
  /** A path in the repository. One that ends in `/` stands for the files of that folder that models consist of. */
  readonly path: string
  /** Its path in the model's folder; ends in `/` if `path` does. @default `path` */
  readonly as?: string
}

export function isModelFile(value: unknown): value is ModelFile {
  const { path, from, bytes, sha256, gitOid } = Object(value)
  const isChecked = sha256 === undefined ? /^[0-9a-f]{40}$/.test(gitOid) : /^[0-9a-f]{64}$/.test(sha256)
  return isInside(path) && typeof (from ?? '') === 'string' && Number.isSafeInteger(bytes) && bytes >= 0 && isChecked
}

export function isWantedFile(value: unknown): value is WantedFile {
  const { path, as, bytes, sha256 } = Object(value)
  const isKnown = bytes === undefined && sha256 === undefined ? true : isModelFile(value)
  return isPlace(path) && (as === undefined || (isPlace(as) && as.endsWith('/') === path.endsWith('/'))) && isKnown
}

/** Of a folder: graphs, weights, vocabularies and configurations, but not the same weights for other programs. */
export function isMeant(path: string, { path: wanted }: WantedFile): boolean {
  if (!wanted.endsWith('/')) return path === wanted
  return path.startsWith(wanted) && /\.(onnx|onnx[._]data\w*|pb|json|txt)$/.test(path)
}

/** A path that doesn't lead out of the folder. */
export function isInside(path: unknown): path is string {
  if (typeof path !== 'string' || path.includes('\\')) return false
  return !path.split('/').some((part) => ['', '.', '..'].includes(part))
}

const isPlace = (path: unknown): path is string => typeof path === 'string' && isInside(path.replace(/\/$/, ''))
