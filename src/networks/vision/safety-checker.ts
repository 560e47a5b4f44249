import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { openForward } from '../../compute/differentiable.ts'
import { readModel } from '../../onnx/proto.ts'
import { type Tensor, tensor } from '../../tensor/tensor.ts'
import { readClipPixels } from './clip-pixels.ts'

/** Stable Diffusion's safety checker: looks for concepts that not everybody should see. */
export interface SafetyChecker {
  /** @param pixels [3, height, width] in −1…1 */
  isSafe(pixels: Tensor): Promise<boolean>
  close(): Promise<void>
}

const pathIn = (folder: string) => join(folder, 'safety_checker', 'model.onnx')

export const hasSafetyChecker = (folder: string): boolean => existsSync(pathIn(folder))

/** @returns undefined if the model has none */
export async function openSafetyChecker(folder: string): Promise<SafetyChecker | undefined> {
  if (!hasSafetyChecker(folder)) return undefined
  const path = pathIn(folder)
  const clipPixels = await readClipPixels(join(folder, 'feature_extractor', 'preprocessor_config.json'))
  const network = await openForward({ graph: readModel(path), name: 'safety_checker' })
  // It returns these blackened if it found something; what it found is enough here.
  const images = blank(network.inputs.get('images')?.dims)
  return {
    isSafe: async (pixels) => {
      const { has_nsfw_concepts: found } = await network.run({ clip_input: clipPixels(pixels), images })
      return found!.data.every((value) => value === 0)
    },
    close: () => network.close(),
  }
}

const blank = (dims: readonly (number | string)[] = []) =>
  tensor(dims.map((dim, axis) => (typeof dim === 'number' ? dim : [1, 8, 8, 3][axis]!)))
