import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { clipText } from '../../architectures/clip-text.ts'
import { clipVision } from '../../architectures/clip-vision.ts'
import type { Tensors } from '../../architectures/tensors.ts'
import { clipTextConfiguration, clipVisionConfiguration, type PartConfig } from '../../checkpoints/configuration.ts'
import { readPart } from '../../checkpoints/folder.ts'
import type { Hardware } from '../../compute/hardware.ts'
import type { JointSpace } from '../../diffusion/model.ts'
import { UserError } from '../../errors.ts'
import type { Graph } from '../../onnx/graph.ts'
import { readModel } from '../../onnx/proto.ts'
import { type Tensor, tensor } from '../../tensor/tensor.ts'
import { readJson } from '../json.ts'
import type { ModelLayout } from '../layout.ts'
import { openImageEncoder } from '../text/text-encoder.ts'
import { openTextNetwork } from '../text/text-network.ts'
import { readClipPixels } from './clip-pixels.ts'

interface OpenJointSpace extends JointSpace {
  close(): Promise<void>
}

/**
 * CLIP's text and image encoders in the folder `joint/` of a model whose first text encoder comes from the same CLIP,
 * so that its tokens mean the same in both. The tokens of further text encoders have no part in it.
 * @returns undefined if the model has none
 * @throws UserError if they belong to another CLIP
 */
export async function openClipEncoders(options: {
  readonly layout: Pick<ModelLayout, 'path' | 'tokenizer'>
  /** The width of a token of the model's first text encoder. */
  readonly tokenWidth: number
  readonly cacheFolder?: string
  readonly hardware?: Hardware
}): Promise<OpenJointSpace | undefined> {
  const { layout, tokenWidth, cacheFolder, hardware } = options
  const clipEncoders = join(layout.path, 'joint')
  const graphs = await graphsOf(clipEncoders)
  if (!graphs) return undefined
  const tokenizer = await layout.tokenizer('text_encoder')
  const words = await openTextNetwork({
    graph: graphs.text,
    name: 'joint/text_encoder',
    tokenizer,
    outputs: ['text_embeds'],
    cacheFolder,
    hardware,
  })
  if (words.tokenWidth !== tokenWidth) {
    throw new UserError(
      `${clipEncoders} belongs to another CLIP than the model: its tokens have ${words.tokenWidth} numbers, the model’s ${tokenWidth}.`,
    )
  }
  const prepare = await readClipPixels(join(clipEncoders, graphs.preprocessor))
  const imageEncoder = await openImageEncoder(graphs.vision, hardware, prepare)
  return {
    embedText: async (prompt, tokens) => flat((await words.run([prompt], tokens?.[0])).text_embeds!),
    embedTexts: async (prompts) => (await words.run(prompts)).text_embeds!,
    textGradient: async (prompt, [first, ...others], { data }) => [
      await words.gradient(prompt, first!, { text_embeds: tensor([1, data.length], data) }),
      ...others.map(({ dims }) => tensor(dims)),
    ],
    embedPicture: imageEncoder.embed,
    close: async () => {
      await Promise.all([words.close(), imageEncoder.close()])
    },
  }
}

/** The two as exports, or as transformers saves CLIP whole: one `model.safetensors` beside its config.json. */
async function graphsOf(folder: string): Promise<{ text: Graph; vision: Graph; preprocessor: string } | undefined> {
  const path = (name: string) => join(folder, name, 'model.onnx')
  if (existsSync(path('text_encoder'))) {
    const [text, vision] = [readModel(path('text_encoder')), readModel(path('image_encoder'))]
    return { text, vision, preprocessor: join('image_encoder', 'preprocessor_config.json') }
  }
  const tensors = readPart(folder)
  const config = await readJson<ClipConfig>(join(folder, 'config.json'))
  if (!tensors || !config) return undefined
  const text = { config: config.text_config ?? {}, tensors: partOf(tensors, /^text_(model|projection)\./) }
  const vision = { config: config.vision_config ?? {}, tensors: partOf(tensors, /^(vision_model|visual_projection)\./) }
  return {
    text: clipText(text.tensors, clipTextConfiguration(text)),
    vision: clipVision(vision.tensors, clipVisionConfiguration(vision)),
    preprocessor: 'preprocessor_config.json',
  }
}

interface ClipConfig {
  readonly text_config?: PartConfig
  readonly vision_config?: PartConfig
}

const partOf = (tensors: Tensors, names: RegExp): Tensors => new Map([...tensors].filter(([name]) => names.test(name)))

const flat = ({ data }: { readonly data: Float32Array }): Tensor => tensor([data.length], data)
