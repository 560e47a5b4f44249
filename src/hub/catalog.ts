import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { UserError } from '../errors.ts'
import { isUnchanged } from './checksum.ts'
import { isModelFile, isWantedFile, type ModelFile, type WantedFile } from './files.ts'
import { covers, readLock } from './lock.ts'
import { isName, readReference } from './reference.ts'

/** What a model's manifest.json says about it. */
export interface Model {
  readonly folder: string
  readonly name: string
  readonly description: string
  readonly licence: string
  /** The files it consists of. Empty for a model on a hub until all of them are known. */
  readonly files: readonly ModelFile[]
  /** Where the files are, if they did not come with isto: the model itself, then what it sees with. */
  readonly sources?: readonly ModelSource[]
  /** What it can draw, as text: completes "it knows …". */
  readonly knows?: string
  /** The memory it needs, as text. */
  readonly memory?: string
  /** What one should know about the export, as text. */
  readonly note?: string
  /** The side of its pictures in pixels. @default what its own files say */
  readonly side?: number
  /** For a model of few steps. @default what its scheduler says */
  readonly sampling?: ModelSampling
}

interface ModelSampling {
  readonly steps: number
  readonly guidanceScale: number
  /** The guidance that the network of a consistency model is given. @default diffusers' */
  readonly embeddedGuidance?: number
}

export interface ModelSource {
  /** "owner/name" */
  readonly repository: string
  /** A commit, or a branch if no commit could be pinned. */
  readonly revision: string
  /** The commit of the revision when the files were listed. */
  readonly commit?: string
  /** The files that were listed then, even if the manifest asks for more by now. */
  readonly files?: readonly ModelFile[]
  readonly wanted: readonly WantedFile[]
  /** The size of all files together, roughly. */
  readonly bytes: number
  /** Downloads need an account that has accepted the licence on the repository's page. */
  readonly mustBeAccepted: boolean
}

/**
 * The models in the subfolders of `folder` that have a manifest, sorted by name. @throws UserError if a manifest is
 * damaged
 */
export async function listModels(folder: string): Promise<Model[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  const models = await Promise.all(names.sort().map((name) => readManifest(join(folder, name))))
  return models.filter((model) => model !== undefined)
}

/**
 * @param model A name in `folder`, or a path to a model folder or `.safetensors` file, as `readReference` takes it.
 * A folder without a manifest.json is known by its model_index.json.
 * @throws UserError when there is no such model, or its manifest is damaged.
 */
export async function findModel(model: string, folder: string): Promise<Model> {
  const { path } = readReference(model, folder)
  const found = (await readManifest(path)) ?? (await readIndex(path)) ?? (await readSingleFile(path))
  if (found) return found
  throw new UserError(
    isName(model) || model === ''
      ? `There is no model \`${model}\`: \`models list\` shows which there are.`
      : `There is no model in \`${model}\`: ${await reasonFor(path)}.`,
  )
}

async function reasonFor(path: string): Promise<string> {
  const info = await stat(path).catch(() => undefined)
  if (!info) return 'there is no such folder or file'
  if (!info.isDirectory()) return 'it is a file, and no .safetensors'
  const single = (await readdir(path)).find((name) => name.endsWith('.safetensors'))
  if (single) return `a model in one file is named by the file: \`${join(path, single)}\``
  return 'it has neither a model_index.json nor a manifest.json'
}

/** Whether none of its files is here, because it has not been downloaded from its hub. */
export async function isUnfetched(model: Model): Promise<boolean> {
  if (!model.sources) return false
  const sizes = await Promise.all(model.files.map(({ path }) => sizeOf(join(model.folder, path))))
  return sizes.every((size) => size === undefined)
}

/** The files that are missing or have another size, each as "path is missing". Cheap: no file is read. */
export async function findMissing(model: Model): Promise<string[]> {
  if (model.sources && model.files.length === 0) return ['it has not been downloaded']
  const faults = await Promise.all(
    model.files.map(async ({ path, bytes }) => {
      const size = await sizeOf(join(model.folder, path))
      if (size === undefined) return `${path} is missing`
      return size === bytes ? [] : `${path} has ${size} bytes instead of ${bytes}`
    }),
  )
  return faults.flat()
}

/** Like `findMissing`, and also the files whose content is not what the manifest says. */
export async function findFaults(model: Model): Promise<string[]> {
  const faults = await findMissing(model)
  if (faults.length > 0) return faults
  for (const file of model.files) {
    if (!(await isUnchanged(join(model.folder, file.path), file))) faults.push(`${file.path} has been changed`)
  }
  return faults
}

export const unfetched = ({ name }: Model): UserError =>
  new UserError(`The model “${name}” has not been downloaded yet: \`npm run --silent isto -- models pull ${name}\`.`)

/** The only reader of manifest.json. @returns undefined if there is none @throws UserError if it is damaged */
export async function readManifest(folder: string): Promise<Model | undefined> {
  const path = join(folder, 'manifest.json')
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw new UserError(`\`${path}\` cannot be read: check that it is a file that you may open.`, {}, { cause: error })
  }
  const { name, description, licence, files, sources, knows, memory, note, side, sampling } = parseObject(text)
  const isValid = [name, description, licence].every((value) => typeof value === 'string')
  const further = {
    ...(typeof knows === 'string' && { knows }),
    ...(typeof memory === 'string' && { memory }),
    ...(typeof note === 'string' && { note }),
    ...(Number.isSafeInteger(side) && { side }),
    ...(isSampling(sampling) && { sampling }),
  }
  if (isValid) {
    const model = { folder, name, description, licence, ...further } as Omit<Model, 'files'>
    if (sources === undefined && Array.isArray(files) && files.every(isModelFile)) return { ...model, files }
    const asked = files === undefined ? readSources(sources) : undefined
    if (asked) return { ...model, ...(await settled(folder, asked)) }
  }
  throw new UserError(`\`${path}\` is damaged: download the model again.`)
}

/** A folder in the layout of diffusers or optimum without a manifest: there is no list of files to compare it with. */
async function readIndex(folder: string): Promise<Model | undefined> {
  const text = await readFile(join(folder, 'model_index.json'), 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  const { _class_name: kind = 'model' } = parseObject(text)
  return { folder, name: basename(folder), description: `A ${kind}.`, licence: 'see where it came from', files: [] }
}

/** A whole model in one file. */
async function readSingleFile(path: string): Promise<Model | undefined> {
  if (!path.endsWith('.safetensors') || !(await stat(path).catch(() => undefined))?.isFile()) return undefined
  const name = basename(path, '.safetensors')
  return { folder: path, name, description: 'A model in one file.', licence: 'see where it came from', files: [] }
}

async function settled(folder: string, asked: readonly ModelSource[]): Promise<Pick<Model, 'files' | 'sources'>> {
  const locks = await readLock(folder, asked)
  const isWhole = asked.every((source, index) => covers(locks[index], source))
  return {
    files: isWhole ? locks.flatMap((lock) => lock?.files ?? []) : [],
    sources: asked.map((source, index) => ({ ...source, commit: locks[index]?.commit, files: locks[index]?.files })),
  }
}

function isSampling(value: unknown): value is ModelSampling {
  const { steps, guidanceScale, embeddedGuidance = 1 } = Object(value)
  return Number.isSafeInteger(steps) && [guidanceScale, embeddedGuidance].every(Number.isFinite)
}

function readSources(value: unknown): readonly ModelSource[] | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined
  const sources = value.map(readSource)
  return sources.every((source) => source !== undefined) ? sources : undefined
}

function readSource(value: unknown): ModelSource | undefined {
  const { repository, revision, bytes, mustBeAccepted, files: wanted } = Object(value)
  const isNamed = /^\w[\w.-]*\/\w[\w.-]*$/.test(repository) && /^\w[\w.-]*$/.test(revision)
  if (!isNamed || !Number.isSafeInteger(bytes)) return undefined
  if (!Array.isArray(wanted) || wanted.length === 0 || !wanted.every(isWantedFile)) return undefined
  return { repository, revision, wanted, bytes, mustBeAccepted: mustBeAccepted === true }
}

function parseObject(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text))
  } catch {
    return {}
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
}

const hasCode = (error: unknown, ...codes: string[]) => codes.includes((error as NodeJS.ErrnoException).code ?? '')
