import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { UserError } from '../errors.ts'

/** What a model's manifest.json says of it. */
export interface Model {
  readonly folder: string
  readonly name: string
  readonly description: string
  readonly licence: string
  readonly files: readonly ModelFile[]
}

export interface ModelFile {
  /** Inside the model's folder, with `/`. */
  readonly path: string
  readonly bytes: number
  readonly sha256: string
}

/** The models in the subfolders of `folder` that have a manifest, by name. @throws UserError when a manifest is damaged */
export async function listModels(folder: string): Promise<Model[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  const models = await Promise.all(names.sort().map((name) => readManifest(join(folder, name))))
  return models.filter((model) => model !== undefined)
}

/**
 * @param model A name in `folder`, or a path to a model folder.
 * @throws UserError when there is no such model, or its manifest is damaged.
 */
export async function findModel(model: string, folder: string): Promise<Model> {
  const isName = /^\w[\w.-]*$/.test(model)
  const found = await readManifest(isName ? join(folder, model) : resolve(model))
  if (found) return found
  throw new UserError(`There is no model \`${model}\`: the command \`models list\` shows those there are.`)
}

/** The files that are missing or of another size, each as "path is missing"; cheap, for it reads none of them. */
export async function findMissing(model: Model): Promise<string[]> {
  const faults = await Promise.all(
    model.files.map(async ({ path, bytes }) => {
      const size = await sizeOf(join(model.folder, path))
      if (size === undefined) return `${path} is missing`
      return size === bytes ? [] : `${path} has ${size} bytes instead of ${bytes}`
    }),
  )
  return faults.flat()
}

/** As `findMissing`, and the files whose content is not what the manifest says. */
export async function findFaults(model: Model): Promise<string[]> {
  const faults = await findMissing(model)
  if (faults.length > 0) return faults
  for (const { path, sha256 } of model.files) {
    if ((await hashOf(join(model.folder, path))) !== sha256) faults.push(`${path} has been changed`)
  }
  return faults
}

async function readManifest(folder: string): Promise<Model | undefined> {
  const path = join(folder, 'manifest.json')
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw new UserError(`\`${path}\` cannot be read: check that it is a file you may open.`, { cause: error })
  }
  const { name, description, licence, files } = parseObject(text)
  const isValid = [name, description, licence].every((value) => typeof value === 'string')
  if (isValid && Array.isArray(files) && files.every(isModelFile)) {
    return { folder, name, description, licence, files } as Model
  }
  throw new UserError(`\`${path}\` is damaged: fetch the model again.`)
}

function parseObject(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text))
  } catch {
    return {}
  }
}

function isModelFile(value: unknown): value is ModelFile {
  const { path, bytes, sha256 } = Object(value)
  const isInside = typeof path === 'string' && !path.split('/').some((part) => ['', '.', '..'].includes(part))
  return isInside && !path.includes('\\') && Number.isSafeInteger(bytes) && bytes >= 0 && /^[0-9a-f]{64}$/.test(sha256)
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

const hasCode = (error: unknown, ...codes: string[]) => codes.includes((error as NodeJS.ErrnoException).code ?? '')
