import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { clipVision } from '../../architectures/clip-vision.ts'
import type { Tensors } from '../../architectures/tensors.ts'
import { clipVisionConfiguration, type PartConfig } from '../../checkpoints/configuration.ts'
import { hasWeights, readPart } from '../../checkpoints/folder.ts'
import { openForward } from '../../compute/differentiable.ts'
import { UserError } from '../../errors.ts'
import { numbersOf } from '../../onnx/graph.ts'
import { readModel, readRange } from '../../onnx/proto.ts'
import { cosine } from '../../tensor/math.ts'
import { type Tensor, tensor } from '../../tensor/tensor.ts'
import { readJson } from '../json.ts'
import { readClipPixels } from './clip-pixels.ts'

/** Stable Diffusion's safety checker: looks for concepts that not everybody should see. */
export interface SafetyChecker {
  /** @param pixels [3, height, width] in −1…1 */
  isSafe(pixels: Tensor): Promise<boolean>
  close(): Promise<void>
}

export const hasSafetyChecker = (folder: string): boolean =>
  existsSync(join(folder, 'safety_checker', 'model.onnx')) || hasWeights(join(folder, 'safety_checker'))

/** From an export, or from diffusers' weights. @returns undefined if the model has none */
export async function openSafetyChecker(folder: string): Promise<SafetyChecker | undefined> {
  if (!hasSafetyChecker(folder)) return undefined
  const prepare = await readClipPixels(join(folder, 'feature_extractor', 'preprocessor_config.json'))
  const own = join(folder, 'safety_checker')
  return existsSync(join(own, 'model.onnx')) ? openExport(join(own, 'model.onnx'), prepare) : openWeights(own, prepare)
}

type Prepare = Awaited<ReturnType<typeof readClipPixels>>

async function openExport(path: string, prepare: Prepare): Promise<SafetyChecker> {
  const network = await openForward({ graph: readModel(path), name: 'safety_checker' })
  // It returns these blackened if it found something; what it found is enough here.
  const images = blank(network.inputs.get('images')?.dims)
  return {
    isSafe: async (pixels) => {
      const { has_nsfw_concepts: found } = await network.run({ clip_input: prepare(pixels), images })
      return found!.data.every((value) => value === 0)
    },
    close: () => network.close(),
  }
}

const blank = (dims: readonly (number | string)[] = []) =>
  tensor(dims.map((dim, axis) => (typeof dim === 'number' ? dim : [1, 8, 8, 3][axis]!)))

/** diffusers' StableDiffusionSafetyChecker: CLIP's image encoder, and concepts in its space with a threshold for each. */
async function openWeights(folder: string, prepare: Prepare): Promise<SafetyChecker> {
  const tensors = readPart(folder)!
  const config = await readJson<{ readonly vision_config?: PartConfig }>(join(folder, 'config.json'))
  const encoder = new Map(
    [...tensors].flatMap(([name, stored]) =>
      /^(vision_model|visual_projection)\./.test(name)
        ? [[name.replace(/^vision_model\.vision/, 'vision'), stored]]
        : [],
    ),
  )
  const graph = clipVision(encoder, clipVisionConfiguration({ tensors: encoder, config: config?.vision_config ?? {} }))
  const network = await openForward({ graph, name: 'safety_checker' })
  const [special, concepts] = ['special_care_embeds', 'concept_embeds'].map((name) => conceptsIn(tensors, name, folder))
  return {
    isSafe: async (pixels) => {
      const { image_embeds } = await network.run({ pixel_values: prepare(pixels) })
      const seen = image_embeds!
      // Where there may be a child, less is enough.
      const isSpecial = special!.some(({ embedding, threshold }) => cosine(seen, embedding) > threshold)
      const adjustment = isSpecial ? 0.01 : 0
      return concepts!.every(({ embedding, threshold }) => cosine(seen, embedding) - threshold + adjustment <= 0)
    },
    close: () => network.close(),
  }
}

interface Concept {
  /** [width] */
  readonly embedding: Tensor
  readonly threshold: number
}

function conceptsIn(tensors: Tensors, name: string, folder: string): Concept[] {
  const [embeddings, thresholds] = [name, `${name}_weights`].map((each) => {
    const stored = tensors.get(each)
    const numbers = stored && numbersOf({ ...stored, data: readRange(stored.data) })
    if (!numbers) throw new UserError(`The safety checker in ${folder} lacks ${each}: download the model again.`)
    return numbers
  }) as [number[], number[]]
  const width = embeddings.length / thresholds.length
  return thresholds.map((threshold, index) => {
    const own = Float32Array.from(embeddings.slice(index * width, (index + 1) * width))
    return { embedding: tensor([width], own), threshold }
  })
}
