import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Hardware } from '../compute/hardware.ts'
import type { Caption, DiffusionModel, JointSpace } from '../diffusion/model.ts'
import type { Schedule } from '../diffusion/schedule.ts'
import { readModel } from '../onnx/proto.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'
import { learnedAtOnce } from './denoisers/denoiser.ts'
import { openFlux } from './denoisers/flux.ts'
import { openTransformer } from './denoisers/sd3.ts'
import { openUnet } from './denoisers/unet.ts'
import { identityOf } from './identity.ts'
import type { ModelLayout } from './layout.ts'
import { samplingOf } from './sampling.ts'
import type { Projecting } from './text/prompt.ts'
import { rememberTexts } from './text/remembered-texts.ts'
import { type ImageEncoder, openImageEncoder } from './text/text-encoder.ts'
import { openTextEncoders } from './text/text-encoders.ts'
import { openAutoencoder } from './vae.ts'
import { openClipEncoders } from './vision/clip-encoders.ts'
import { openPhotoCaptioner } from './vision/photo-captioner.ts'
import { captionOf, readPhrases, variationsOf } from './vision/phrase-captioner.ts'

export interface LoadOptions {
  readonly layout: ModelLayout
  /** The largest number of samples in one learning call: large pictures take two. */
  readonly learningBatch: number
  /** Where gradient graphs are cached. */
  readonly cacheFolder?: string
  readonly hardware?: Hardware
  /**
   * scheduler_config.json → its schedule; some depend on the number of patches (2 × 2 latents) that a transformer sees.
   */
  readonly readSchedule: (config: Readonly<Record<string, unknown>>, imageTokens: number) => Schedule
}

/** @throws UserError if it is not a usable model */
export async function loadModel(options: LoadOptions): Promise<DiffusionModel> {
  const { layout, cacheFolder, hardware } = options
  const { path: folder, side } = layout
  const { name, hash } = identityOf(layout)
  const text = await openTextEncoders(options)
  const imageEncoder = existsSync(join(folder, 'image_encoder', 'model.onnx'))
    ? await openImageEncoder(readModel(join(folder, 'image_encoder', 'model.onnx')), hardware)
    : undefined
  const clipEncoders = await openClipEncoders({
    layout,
    tokenWidth: text.tokenWidths[0]!,
    cacheFolder,
    hardware,
  })
  const autoencoder = await openAutoencoder(layout, hardware)
  const { latentDims } = autoencoder
  const learningBatch = Math.min(options.learningBatch, Math.max(2, learnedAtOnce(latentDims)))
  const open = { unet: openUnet, sd3: openTransformer, flux: openFlux }[layout.architecture]
  const denoiser = await open({
    layout,
    learningBatch,
    latentDims,
    cacheFolder,
    hardware,
    conditioning: await text.encode(''),
  })
  const captioner = openPhotoCaptioner(folder)
  const isCaptioned = existsSync(join(folder, 'captioner', 'phrases.json'))
  const phrases = isCaptioned ? await readPhrases(folder) : undefined
  const words = phrases && [...phrases.things, ...phrases.attributes.flatMap(({ phrases }) => phrases)]
  const projecting = text.projecting && { ...text.projecting, embed: rememberTexts(text.projecting.embed) }
  const joint = clipEncoders ?? (imageEncoder && projecting && jointSpace(projecting, imageEncoder))
  return {
    name,
    hash,
    schedule: options.readSchedule(layout.scheduler, (latentDims[1] * latentDims[2]) / 4),
    sampling: samplingOf(layout),
    side,
    latentDims,
    tokenWidths: text.tokenWidths,
    ...(text.tokenNames && { tokenNames: text.tokenNames }),
    tokenNorms: text.tokenNorms(words),
    learningBatch,
    encodePicture: autoencoder.encode,
    decodeLatents: autoencoder.decode,
    ...(phrases &&
      imageEncoder &&
      projecting && {
        caption: async (pixels: Tensor, like?: Caption) =>
          captionOf(await imageEncoder.embed(pixels), phrases, projecting.embed, like),
      }),
    ...(phrases && { variations: (caption: Caption) => variationsOf(caption, phrases) }),
    ...(captioner && { caption: captioner.caption }),
    embedWords: text.embedWords,
    encodePrompt: text.encode,
    promptGradient: text.gradient,
    ...(joint && { joint }),
    denoise: denoiser.denoise,
    denoisingGradient: denoiser.denoisingGradient,
    close: async () => {
      await Promise.all([
        text.close(),
        imageEncoder?.close(),
        clipEncoders?.close(),
        captioner?.close(),
        autoencoder.close(),
        denoiser.close(),
      ])
    },
  }
}

function jointSpace(text: Projecting, imageEncoder: ImageEncoder): JointSpace {
  return {
    embedText: async (prompt, tokens) => flat(await text.embedTokens(prompt, tokens)),
    embedTexts: text.embed,
    textGradient: (prompt, tokens, { data }) => text.gradient(prompt, tokens, tensor([1, data.length], data)),
    embedPicture: imageEncoder.embed,
  }
}

const flat = ({ data }: { readonly data: Float32Array }) => tensor([data.length], data)
