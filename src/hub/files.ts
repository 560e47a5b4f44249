export interface ModelFile {
  /** Inside the model's folder, with `/`. */
  readonly path: string
  /** What the repository calls it. @default `path` */
  readonly from?: string
  readonly bytes: number
  /** One of the two is there: a hub names small files by git's checksum only. */
  readonly sha256?: string
  readonly gitOid?: string
}

/** What a model needs of a repository. */
export interface WantedFile extends Partial<Omit<ModelFile, 'from'>> {
  /** In the repository; one that ends in `/` means whatever of that folder a model is made of. */
  readonly path: string
  /** What it is called in the model's folder; ends in `/` where `path` does. @default `path` */
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

/** Of a folder: graphs, weights, vocabularies and configurations; not the same weights for other programs. */
export function isMeant(path: string, { path: wanted }: WantedFile): boolean {
  if (!wanted.endsWith('/')) return path === wanted
  return path.startsWith(wanted) && /\.(onnx|onnx[._]data\w*|pb|json|txt)$/.test(path)
}

/** A path that does not lead out of the folder. */
export function isInside(path: unknown): path is string {
  if (typeof path !== 'string' || path.includes('\\')) return false
  return !path.split('/').some((part) => ['', '.', '..'].includes(part))
}

const isPlace = (path: unknown): path is string => typeof path === 'string' && isInside(path.replace(/\/$/, ''))
