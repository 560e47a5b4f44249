import type { Tensor } from '../tensor/tensor.ts'
import type { Schedule } from './schedule.ts'

/** What the denoising network is told about the prompt. */
export interface Conditioning {
  /** [n, length, width] */
  readonly hiddenStates: Tensor
  /** [n, width], if the network takes a pooled embedding too. */
  readonly pooled?: Tensor
}

/** The difference tokens D: one tensor [tokens, width] for each text encoder, in its order. */
export type Tokens = readonly Tensor[]

/** The inputs of the denoising network; all tensors have the same n. */
export interface Denoising {
  /** x_t: [n, channels, height, width] */
  readonly latents: Tensor
  /** n numbers on the schedule's scale. */
  readonly timesteps: readonly number[]
  readonly conditioning: Conditioning
}

export interface LossTerms {
  /** The target of the network's output (ε, v or a flow, by the schedule), as large as the latents. */
  readonly target: Tensor
  /** The weight of each value's squared error, as large as the latents. */
  readonly weight: Tensor
}

/** A text-to-image diffusion model as functions: everything that the method needs from it. */
export interface DiffusionModel {
  readonly name: string
  /** Distinguishes models of the same shape. */
  readonly hash: string
  readonly schedule: Schedule
  /**
   * Present for a model that was distilled to few steps: it needs this number of them, and this guidance instead of the
   * method's.
   */
  readonly sampling?: Sampling
  /** The side of a picture in pixels. */
  readonly side: number
  /** [channels, height, width] */
  readonly latentDims: readonly [number, number, number]
  /** The width of a token for each text encoder. */
  readonly tokenWidths: readonly number[]
  /** What the tensors of a difference file are called, for each text encoder. @default CLIP's one or two, then T5's */
  readonly tokenNames?: readonly string[]
  /** The median length (L2) of a word's embedding for each text encoder. */
  readonly tokenNorms: readonly number[]
  /** Samples in one call of `denoisingGradient`. */
  readonly learningBatch: number

  /** pixels [3, side, side] in −1…1 → latents [1, channels, height, width] */
  encodePicture(pixels: Tensor): Promise<Tensor>
  /** The inverse, clamped to −1…1. */
  decodeLatents(latents: Tensor): Promise<Tensor>
  /**
   * Describes a picture. For a variation of a captioned picture (`like`) the words are the same unless clearly wrong.
   * Absent if the model has nothing that sees.
   */
  readonly caption?: (pixels: Tensor, like?: Caption) => Promise<Caption>
  /** Every caption that differs from one in one phrase. Absent if captions are not chosen from a list of phrases. */
  readonly variations?: (caption: Caption) => readonly Variation[]

  /** The `prompt`, a comma, then the tokens. n = 1. An empty prompt has no comma; one that is too long is cut. */
  encodePrompt(prompt: string, tokens?: Tokens): Promise<Conditioning>
  /** The gradient with respect to the tokens of Σ cotangent · conditioning, for each text encoder. */
  promptGradient(prompt: string, tokens: Tokens, cotangent: Conditioning): Promise<Tokens>

  /** The embeddings of the first `most` tokens of a text. */
  embedWords(text: string, most: number): Tokens

  /** Absent if the model has no image encoder. */
  readonly joint?: JointSpace

  /** The network's output, ε, v or a flow: as large as the latents. Any n. */
  denoise(ask: Denoising): Promise<Tensor>
  /**
   * loss_i = Σ weight · (output − target)² of each sample, and the gradient of their sum with respect to the
   * conditioning. n = `learningBatch`.
   */
  denoisingGradient(
    ask: Denoising & LossTerms,
  ): Promise<{ readonly loss: readonly number[]; readonly gradient: Conditioning }>

  close(): Promise<void>
}

export interface Sampling {
  /** The number of steps from fresh noise. Minimum: `1`. */
  readonly steps: number
  /** The scale of classifier-free guidance; 1 is none. */
  readonly guidanceScale: number
}

/** CLIP's joint space of texts and pictures; embeddings are [width], not normalised. */
export interface JointSpace {
  /** E_T */
  embedText(prompt: string, tokens?: Tokens): Promise<Tensor>
  /** [n, width] */
  embedTexts(prompts: readonly string[]): Promise<Tensor>
  textGradient(prompt: string, tokens: Tokens, cotangent: Tensor): Promise<Tokens>
  /** E_I */
  embedPicture(pixels: Tensor): Promise<Tensor>
}

export interface Caption {
  /** "a cat" */
  readonly thing: string
  /** "a cat, flat style, on a teal background" */
  readonly full: string
  /** What was found for every attribute, including defaults, in an order of the model's own. */
  readonly attributes: readonly string[]
}

/** A caption with other words. */
export interface Variation {
  readonly caption: Caption
  /** The words that are new in it. */
  readonly phrases: string
  /** The index in `attributes` of what changed; −1 is the thing. */
  readonly attribute: number
}
