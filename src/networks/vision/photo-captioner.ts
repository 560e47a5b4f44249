import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Caption } from '../../diffusion/model.ts'
import { UserError } from '../../errors.ts'
import { toRgbBytes } from '../../image/resample.ts'
import type { Tensor } from '../../tensor/tensor.ts'

/** Describes in a few words what a photograph shows. */
export interface PhotoCaptioner {
  /**
   * Every picture is described by itself, even if it is a variation of another: the words of a small captioner have no
   * score that would tell a slight difference from a clear one.
   * @param pixels [3, height, width] in −1…1
   */
  caption(pixels: Tensor): Promise<Caption>
  close(): Promise<void>
}

/**
 * An image-to-text model in the folder `captioner/`, in the layout of transformers.js (such as
 * Xenova/vit-gpt2-image-captioning). Nothing is downloaded, and it opens when first used.
 * @returns undefined if the model has none
 * @throws UserError from `caption` if it can't be opened
 */
export function openPhotoCaptioner(folder: string): PhotoCaptioner | undefined {
  const graphs = join(folder, 'captioner', 'onnx')
  const isWhole = existsSync(join(graphs, 'encoder_model.onnx'))
  if (!isWhole && !existsSync(join(graphs, 'encoder_model_quantized.onnx'))) return undefined
  let opened: ReturnType<typeof open> | undefined
  return {
    caption: async (pixels) => {
      opened ??= open(folder, isWhole ? 'fp32' : 'q8')
      const { say } = await opened
      const full = await say(pixels)
      return { thing: thingOf(full), full, attributes: [] }
    },
    close: async () =>
      opened?.then(
        ({ close }) => close(),
        () => undefined,
      ),
  }
}

/** The package is large and loaded only for captioning photographs. */
async function open(folder: string, dtype: 'fp32' | 'q8') {
  const { env, LogLevel, pipeline, RawImage } = await import('@huggingface/transformers')
  env.allowRemoteModels = false
  env.fetch = () => Promise.reject(new Error('A captioner is not fetched here.'))
  env.useFSCache = false
  env.useWasmCache = false
  env.localModelPath = resolve(folder)
  env.logLevel = LogLevel.ERROR
  const captioner = await pipeline('image-to-text', 'captioner', {
    device: 'cpu',
    dtype,
    local_files_only: true,
  }).catch((cause: unknown) => {
    throw new UserError(
      `The captioner in ${join(folder, 'captioner')} cannot be opened: download the model again, or do without that folder.`,
      {},
      { cause },
    )
  })
  return {
    say: async (pixels: Tensor) => {
      const { width, height, data } = toRgbBytes(pixels)
      const image = new RawImage(data, width, height, 3)
      const [said] = await captioner(image, { do_sample: false, num_beams: 1 })
      return said!.generated_text
    },
    close: () => captioner.dispose(),
  }
}

/**
 * The words before a caption says what the thing does or where it is: "a man" of "a man riding a wave". The difference
 * would first have to contradict what a caption says about the surroundings.
 */
export function thingOf(caption: string): string {
  const words = caption.split(' ')
  const end = words.findIndex((word, index) => {
    const isFirstNoun = index === 0 || OPENERS.has(words[index - 1]!)
    return !isFirstNoun && (PLACES.has(word) || (word.endsWith('ing') && !NOUNS.has(word)))
  })
  return end < 0 ? caption : words.slice(0, end).join(' ')
}

const OPENERS = new Set(['a', 'an', 'the', 'two', 'three', 'some', 'several', 'and', 'of'])
const PLACES = new Set(
  'above across against along are at behind beside by down for from has in inside into is near next on onto outside over that through to under up which while who with'.split(
    ' ',
  ),
)
const NOUNS = new Set(
  'building buildings painting drawing ceiling ring king wing string spring swing railing clothing wedding crossing thing'.split(
    ' ',
  ),
)
