import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Hardware } from '../../compute/hardware.ts'
import type { JointSpace } from '../../diffusion/model.ts'
import { UserError } from '../../errors.ts'
import { readModel } from '../../onnx/proto.ts'
import { type Tensor, tensor } from '../../tensor/tensor.ts'
import { openTextNetwork } from '../text/clip-text.ts'
import { openImageEncoder } from '../text/text-encoder.ts'
import { loadTokenizer } from '../text/tokenizer.ts'
import { readClipPixels } from './clip-pixels.ts'

export interface OpenJointSpace extends JointSpace {
  close(): Promise<void>
}

/**
 * CLIP's text and image encoders in the folder `joint/` of a model whose first text encoder comes from the same CLIP,
 * so that its tokens mean the same in both. The tokens of further text encoders have no part in it.
 * @returns undefined if the model has none
 * @throws UserError if they belong to another CLIP
 */
export async function openClipEncoders(options: {
  readonly folder: string
  /** The width of a token of the model's first text encoder. */
  readonly tokenWidth: number
  readonly cacheFolder?: string
  readonly hardware?: Hardware
}): Promise<OpenJointSpace | undefined> {
  const { folder, tokenWidth, cacheFolder, hardware } = options
  const clipEncoders = join(folder, 'joint')
  const path = join(clipEncoders, 'text_encoder', 'model.onnx')
  if (!existsSync(path)) return undefined
  const tokenizer = await loadTokenizer(join(folder, 'tokenizer'))
  const words = await openTextNetwork({
    ...{ graph: readModel(path), name: 'joint/text_encoder', tokenizer, outputs: ['text_embeds'] },
    ...{ cacheFolder, hardware },
  })
  if (words.tokenWidth !== tokenWidth) {
    throw new UserError(
      `${path} belongs to another CLIP than the model: its tokens have ${words.tokenWidth} numbers, the model’s ${tokenWidth}.`,
    )
  }
  const prepare = await readClipPixels(join(clipEncoders, 'image_encoder', 'preprocessor_config.json'))
  const imageEncoder = await openImageEncoder(clipEncoders, hardware, prepare)
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

const flat = ({ data }: { readonly data: Float32Array }): Tensor => tensor([data.length], data)
