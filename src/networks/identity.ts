import { createHash, type Hash } from 'node:crypto'
import { open, readdir } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import type { Model } from '../hub/catalog.ts'
import type { ModelLayout } from './layout.ts'

/** A model's name and hash, from its manifest.json or else its own files. */
export interface Identity {
  readonly name: string
  /** Distinguishes models of the same shape. */
  readonly hash: string
}

/** @returns the same wherever the model is stored */
export async function identityOf({
  path: folder,
  manifest,
}: Pick<ModelLayout, 'path' | 'manifest'>): Promise<Identity> {
  const hash = createHash('sha256')
  if (manifest) {
    for (const line of [manifest.name, ...contentOf(manifest)]) hash.update(`${line}\n`)
    return { name: manifest.name, hash: shortened(hash) }
  }
  for (const part of PARTS) {
    const names = await readdir(join(folder, part)).catch(() => [])
    for (const name of names.sort()) {
      hash.update(`${part}/${name}`)
      await addSample(hash, join(folder, part, name))
    }
  }
  return { name: basename(resolve(folder)), hash: shortened(hash) }
}

const PARTS = [
  'scheduler',
  'text_encoder',
  'text_encoder_2',
  'text_encoder_3',
  'transformer',
  'unet',
  'vae',
  'vae_decoder',
  'vae_encoder',
]

/**
 * What a manifest says the model is made of: its own files, or those of its first source (the others are what the model
 * sees with). They are identified by the commit, or, for a branch, which moves on, by the checksums in lock.json.
 */
function contentOf({ files, sources: [source] = [] }: Model): string[] {
  if (source && /^[0-9a-f]{40}$/.test(source.revision)) return [`${source.repository} ${source.revision}`]
  const known = (source ? source.files : files) ?? []
  const used = known.filter(({ path }) => [...PARTS, 'tokenizer'].some((part) => path.startsWith(part)))
  return used.map(({ path, sha256, gitOid }) => `${path} ${sha256 ?? gitOid}`).sort()
}

/** Size and samples: distinguishes weights of gigabytes in milliseconds. */
async function addSample(hash: Hash, path: string): Promise<void> {
  const file = await open(path)
  try {
    const stats = await file.stat()
    if (!stats.isFile()) return
    const { size } = stats
    hash.update(String(size))
    const isSmall = size <= SAMPLES * SAMPLE_BYTES
    const length = isSmall ? size : SAMPLE_BYTES
    for (let sample = 0; sample < (isSmall ? 1 : SAMPLES); sample++) {
      const position = Math.floor((sample * (size - length)) / (SAMPLES - 1))
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position)
      hash.update(buffer.subarray(0, bytesRead))
    }
  } finally {
    await file.close()
  }
}

const SAMPLES = 64
const SAMPLE_BYTES = 16 * 1024

const shortened = (hash: Hash) => hash.digest('hex').slice(0, 16)
