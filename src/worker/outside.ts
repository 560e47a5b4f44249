import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DiffusionModel } from '../diffusion/model.ts'
import type { Report } from '../jobs/protocol.ts'
import { type Sentence, sentence } from '../sentence.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { JobContext } from './job-context.ts'

/** What a model says that it knows, and how it tells a picture that it does not. */
export interface World {
  /** Completes "it knows …". */
  readonly knows: string
  /** Pictures whose embedding in the joint space is shorter than this are none that it knows. */
  readonly length: number
}

/**
 * From the manifest, where the limit is kept beside the checksum of the image encoder that it was measured with
 * (bench/outside.ts): for any other encoder it says nothing.
 *
 * @param folder The model's.
 */
export async function readWorld(folder: string): Promise<World | undefined> {
  const text = await readFile(join(folder, 'manifest.json'), 'utf8').catch(() => '{}')
  const { knows, outside, files = [] } = JSON.parse(text) as Manifest
  const encoder = files.find(({ path }) => path === 'image_encoder/model.onnx')?.sha256
  if (!knows || !outside || outside.encoder !== encoder) return undefined
  return { knows, length: outside.length }
}

interface Manifest {
  readonly knows?: string
  readonly outside?: { readonly encoder: string; readonly length: number }
  readonly files?: readonly { readonly path: string; readonly sha256?: string }[]
}

/** The pictures, by the person's names for them, that the model does not know. @param pictures [3, side, side] in −1…1 */
export async function strangeTo(
  { joint }: DiffusionModel,
  world: World | undefined,
  pictures: Readonly<Record<string, Tensor>>,
): Promise<readonly string[]> {
  if (!joint || !world) return []
  const strange: string[] = []
  for (const [name, pixels] of Object.entries(pictures)) {
    const { data } = await joint.embedPicture(pixels)
    if (Math.hypot(...data) < world.length) strange.push(name)
  }
  return strange
}

/** What the person is told, before and after. */
export function strangeness(strange: readonly string[], model: string, world: World | undefined): Sentence[] {
  if (strange.length === 0 || !world) return []
  return [
    sentence(
      '{names} {count, plural, =1 {is} other {are}} outside of what the model “{model}” knows ({knows}), so expect little of it here.',
      { names: strange, count: strange.length, model, knows: world.knows },
    ),
  ]
}

/** The pictures that the model does not know. That is said at once; of these no caption is told, for it would be a guess. */
export async function lookForStrangers(
  { clock, look }: Pick<JobContext, 'clock' | 'look'>,
  model: DiffusionModel,
  pictures: Readonly<Record<string, Tensor>>,
) {
  const known = await readWorld((await look()).path)
  const strange = await strangeTo(model, known, pictures)
  const notices = strangeness(strange, model.name, known)
  const [notice] = notices
  if (notice) clock.progress({ stage: 'caption', step: 0, of: 1, notice })
  const isSure = (name: string) => !strange.includes(name)
  return {
    notices,
    report: strange.length > 0 ? { isOutside: true } : {},
    sure: ({ a, a2, b }: NonNullable<Report['caption']>): NonNullable<Report['caption']> => ({
      ...(isSure('A') && { a }),
      ...(isSure('A′') && { a2 }),
      ...(isSure('B') && { b }),
    }),
  }
}
