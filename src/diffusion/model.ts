import type { Tensor } from '../tensor/tensor.ts'
import type { Schedule } from './schedule.ts'

/** What the denoising network is told of the prompt. */
export interface Conditioning {
  /** [n, length, width] */
  readonly hiddenStates: Tensor
  /** [n, width], where the network takes a pooled embedding too. */
  readonly pooled?: Tensor
}

/** The difference tokens D: one tensor [tokens, width] for each text encoder, in its order. */
export type Tokens = readonly Tensor[]

/** One way of asking the network; all tensors have the same n. */
export interface Denoising {
  /** x_t: [n, channels, height, width] */
  readonly latents: Tensor
  /** n numbers, as the schedule has them. */
  readonly timesteps: readonly number[]
  readonly conditioning: Conditioning
}

export interface LossTerms {
  /** What the network should put out (ε, v or a flow, by the schedule), as large as the latents. */
  readonly target: Tensor
  /** Weight of each value's squared error, as large as the latents. */
  readonly weight: Tensor
}

/** A text-to-image diffusion model as functions: all that the method asks of it. */
export interface DiffusionModel {
  readonly name: string
  /** Tells models of one shape apart. */
  readonly hash: string
  readonly schedule: Schedule
  /** Present in a model that was distilled to few steps: it wants that many, and this guidance instead of the method's. */
  readonly sampling?: Sampling
  /** Pixels of a picture. */
  readonly side: number
  /** [channels, height, width] */
  readonly latentDims: readonly [number, number, number]
  /** Width of a token of each text encoder. */
  readonly tokenWidths: readonly number[]
  /** Median length (L2) of a word's embedding, for each text encoder. */
  readonly tokenNorms: readonly number[]
  /** Samples in one call of `denoisingGradient`. */
  readonly learningBatch: number

  /** pixels [3, side, side] in −1…1 → latents [1, channels, height, width] */
  encodePicture(pixels: Tensor): Promise<Tensor>
  /** The inverse, clamped to −1…1. */
  decodeLatents(latents: Tensor): Promise<Tensor>
  /**
   * Words for a picture; of a variation on one that has been captioned (`like`), the same ones unless clearly wrong. Absent
   * where the model has nothing that sees.
   */
  readonly caption?: (pixels: Tensor, like?: Caption) => Promise<Caption>
  /** Every caption that differs from one in one phrase. Absent where captions are not chosen from a list of phrases. */
  readonly variations?: (caption: Caption) => readonly Variation[]

  /** `prompt`, then, behind a comma, the tokens. n = 1. An empty prompt has no comma; one too long is cut. */
  encodePrompt(prompt: string, tokens?: Tokens): Promise<Conditioning>
  /** The gradient by the tokens of Σ cotangent · conditioning, for each text encoder. */
  promptGradient(prompt: string, tokens: Tokens, cotangent: Conditioning): Promise<Tokens>

  /** The embeddings of a text's tokens, the first `most` of them. */
  embedWords(text: string, most: number): Tokens

  /** Absent where the model came without an image encoder. */
  readonly joint?: JointSpace

  /** The network's output, ε, v or a flow: as large as the latents. Any n. */
  denoise(ask: Denoising): Promise<Tensor>
  /** loss_i = Σ weight · (output − target)² of each sample, and the gradient of their sum by the conditioning. n = `learningBatch`. */
  denoisingGradient(
    ask: Denoising & LossTerms,
  ): Promise<{ readonly loss: readonly number[]; readonly gradient: Conditioning }>

  close(): Promise<void>
}

export interface Sampling {
  /** From fresh noise. Minimum: `1`. */
  readonly steps: number
  /** Of classifier-free guidance; 1 is none. */
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
  /** What was found of every attribute, defaults too, in an order of the model's own. */
  readonly attributes: readonly string[]
}

/** A caption with other words. */
export interface Variation {
  readonly caption: Caption
  /** The words that are new in it. */
  readonly phrases: string
  /** The place in `attributes` of what changed; −1 is the thing. */
  readonly attribute: number
}
