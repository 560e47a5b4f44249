import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '../errors.ts'
import { findModel, type Model } from './catalog.ts'
import { openHub, type Snapshot } from './client.ts'
import type { ModelFile } from './files.ts'
import { type Wait, waitFor } from './retry.ts'

interface AddOptions {
  /** Where the hub is, without a `/` at the end. */
  readonly url: string
  readonly token?: string
  readonly signal: AbortSignal
  /** @default real time */
  readonly wait?: Wait
}

/**
 * Writes a manifest for a model on the hub that has none here, so that it can be pulled: `hf:OWNER/NAME`, a diffusers folder or
 * the one checkpoint of a repository, or the address of one `.safetensors` file. Of weights in several precisions half
 * precision is taken. Nothing is downloaded yet.
 * @throws UserError when there is no such repository, or no model in it that can be used.
 */
export async function addModel(address: string, modelsFolder: string, options: AddOptions): Promise<Model> {
  const { url, token, signal, wait = waitFor } = options
  const { repository, revision, file } = readAddress(address, url)
  const snapshot = await openHub({ url, token, wait }).look(repository, revision, signal)
  const files = chosen(repository, snapshot, file)
  const name = (file ?? repository)
    .replace(/^.*\//, '')
    .replace(/\.safetensors$/, '')
    .replaceAll(/[^\w.-]+/g, '-')
  const folder = join(modelsFolder, name)
  const manifest = {
    name,
    description: `${file ? `${file} of ` : ''}${repository}, as it lies on the hub`,
    licence: `${snapshot.licence ?? 'not stated'}, ${url}/${repository}`,
    sources: [
      {
        repository,
        revision: snapshot.commit,
        mustBeAccepted: false,
        bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
        files: files.map(({ path }) => (file ? { path, as: `${name}.safetensors` } : { path })),
      },
    ],
  }
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'manifest.json'), `${JSON.stringify(manifest, undefined, 2)}\n`, { flag: 'wx' }).catch(
    (error: NodeJS.ErrnoException) => {
      // It was added before: pulling goes on where it ended.
      if (error.code !== 'EEXIST') throw error
    },
  )
  return findModel(folder, modelsFolder)
}

function readAddress(address: string, url: string) {
  const [, repository, revision = 'main'] = /^hf:([\w.-]+\/[\w.-]+?)(?:@([\w.-]+))?$/.exec(address) ?? []
  if (repository) return { repository, revision }
  const path = address.startsWith(`${url}/`) ? address.slice(url.length + 1) : undefined
  const [, owner, at, file] =
    /^([\w.-]+\/[\w.-]+)\/(?:resolve|blob)\/([\w.-]+)\/(.+\.safetensors)(?:\?.*)?$/.exec(path ?? '') ?? []
  if (owner && at && file) return { repository: owner, revision: at, file: decodeURIComponent(file) }
  throw new UserError(
    `Expected \`hf:OWNER/NAME\`, or the address of one .safetensors file at ${url}, got \`${address}\`.`,
  )
}

/** @throws UserError */
function chosen(repository: string, { files }: Snapshot, file?: string): ModelFile[] {
  if (file) return [files.find(({ path }) => path === file) ?? fail(`\`${repository}\` has no \`${file}\`.`)]
  const checkpoints = files.filter(({ path }) => /^[^/]+\.safetensors$/.test(path))
  if (files.some(({ path }) => path === 'model_index.json')) {
    const parts = [...new Set(files.flatMap(({ path }) => PART.exec(path)?.[1] ?? []))]
    const weights = parts.flatMap((part) => weightsOf(files, part))
    if (weights.some(({ path }) => /^(unet|transformer)\//.test(path))) {
      return [...files.filter(({ path }) => CONFIGURATION.test(path)), ...weights]
    }
  }
  if (checkpoints.length === 1) return checkpoints
  const several = checkpoints.map(({ path }) => path).slice(0, 3)
  return fail(
    several.length === 0
      ? `\`${repository}\` has no model in .safetensors.`
      : `\`${repository}\` has several models (${several.join(', ')}…): give the address of one of its files.`,
  )
}

const PART = /^(unet|transformer|vae|text_encoder(?:_\d)?)\//

const CONFIGURATION =
  /^(model_index\.json|scheduler\/scheduler_config\.json|tokenizer(_\d)?\/[\w.-]+\.(json|txt)|(unet|transformer|vae|text_encoder(_\d)?)\/config\.json)$/

/** In half precision where that is there; all shards, with their index. */
function weightsOf(files: readonly ModelFile[], part: string): ModelFile[] {
  const own = files.filter(
    ({ path }) => path.startsWith(`${part}/`) && /\.safetensors(\.index(\.\w+)?\.json)?$/.test(path),
  )
  const half = own.filter(({ path }) => /\.fp16[.-]/.test(path))
  const plain = own.filter(({ path }) =>
    /\/(diffusion_pytorch_)?model(-\d+-of-\d+)?\.safetensors(\.index\.json)?$/.test(path),
  )
  return half.length > 0 ? half : plain
}

function fail(sentence: string): never {
  throw new UserError(sentence)
}
