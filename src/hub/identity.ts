import { createHash } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { findModel, type Model } from './catalog.ts'
import { readReference } from './reference.ts'

/**
 * Tells models of one name apart, wherever their files are: a hash over the checksums in its manifest, and its LoRAs. A
 * file without a checksum counts by its name and size, so nothing is read.
 *
 * @param model As `findModel` takes it.
 * @throws UserError as `findModel` does
 */
export async function identityOf(model: string, modelsFolder: string): Promise<string> {
  const { loras, prediction = '' } = readReference(model, modelsFolder)
  const parts = [...(await partsOf(await findModel(model, modelsFolder))), prediction]
  for (const { path, strength } of loras) parts.push(`${basename(path)} ${(await stat(path)).size} ${strength}`)
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}

async function partsOf({ folder, files }: Model): Promise<readonly string[]> {
  if (files.length > 0) return files.map(({ path, sha256, gitOid }) => `${path} ${sha256 ?? gitOid}`).sort()
  const info = await stat(folder)
  if (!info.isDirectory()) return [`${basename(folder)} ${info.size}`]
  const paths = await readdir(folder, { recursive: true })
  const sizes = await Promise.all(paths.sort().map(async (path) => [path, await stat(join(folder, path))] as const))
  return sizes.flatMap(([path, one]) => (one.isFile() ? `${path} ${one.size}` : []))
}
