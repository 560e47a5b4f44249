/** Writes test/fixtures/differences/isto/*.safetensors, for differences.py to load: `npx node test/reference/differences.ts` */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { encodeDifference, type Origin } from '../../src/engine/difference.ts'
import { decodeSafetensors, encodeSafetensors } from '../../src/tensor/safetensors.ts'

const fixtures = join(import.meta.dirname, '../fixtures')
export const families = ['sd15', 'sd21', 'sdxl', 'sd3'] as const
export const writtenFolder = join(fixtures, 'differences/isto')

/** As a job writes it: the tokens of that family's fixture, and everything that can be known of them. */
export async function writtenByIsto(family: string): Promise<Uint8Array> {
  const { tensors } = decodeSafetensors(await readFile(join(fixtures, 'pipelines', `${family}.safetensors`)), family)
  const tokens = [0, 1, 2].flatMap((encoder) => tensors[`tokens ${encoder}`] ?? [])
  const origin: Origin = {
    version: '0.1.0',
    model: family,
    modelHash: '0123456789abcdef',
    mode: 'fast',
    seed: 7,
    steps: 100,
    strength: 1.5,
    preserve: 0.5,
    fit: 0.75,
    loss: [1, 0.5, 0.25],
    captions: { a: 'a cat', a2: 'a cat, “crying”' },
  }
  return encodeSafetensors(encodeDifference({ tokens, origin }))
}

if (import.meta.main) {
  await mkdir(writtenFolder, { recursive: true })
  for (const family of families) {
    await writeFile(join(writtenFolder, `${family}.safetensors`), await writtenByIsto(family))
  }
}
