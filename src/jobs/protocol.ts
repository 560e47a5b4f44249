import type { Sentence } from '../sentence.ts'

/**
 * The messages between the bot (or the command line) and the worker process. Plain data that survives structured clone.
 */

export interface ImagePair {
  /** Encoded image bytes, as received (PNG, JPEG, WebP, GIF, …). */
  readonly a: Uint8Array
  readonly a2: Uint8Array
}

export interface JobOptions {
  /** A folder name in `models/`, or the path of a model. */
  readonly model: string
  readonly mode: 'fast' | 'parity'
  /** A whole number from 0 to 2³² − 1. The same seed on the same machine gives the same bytes. */
  readonly seed: number
  /** Learning steps. @default chosen by the mode */
  readonly steps?: number
  /** How strongly the difference is applied; 0 rebuilds B, negative undoes. @default chosen on the pair */
  readonly strength?: number
  /** 0…1: how much of B's layout is kept. @default chosen on the pair */
  readonly preserve?: number
  /** The difference is learned, and applied as learned, even if it can be done exactly. @default false */
  readonly isLearned?: boolean
  /** 1…4: how many B′ are made, with this seed and those that follow it. What is done exactly has one. @default 1 */
  readonly variants?: number
  /** B in words, instead of a caption made by the model. */
  readonly prompt?: string
  /** B′ may be seen by anyone: the model's safety checker, if it has one, may withhold it. @default false */
  readonly requiresSafetyCheck?: boolean
}

export interface AnalogyJob {
  readonly kind: 'analogy'
  readonly pairs: readonly ImagePair[]
  readonly b: Uint8Array
  /** The difference is kept: it is learned even if B′ was made exactly. @default false */
  readonly isKept?: boolean
  readonly options: JobOptions
}

export interface LearnJob {
  readonly kind: 'learn'
  readonly pairs: readonly ImagePair[]
  readonly options: JobOptions
}

export interface ApplyJob {
  readonly kind: 'apply'
  /** Each `bytes` is a difference file (safetensors). `strength` overrides what was chosen when it was learned. */
  readonly differences: readonly { readonly bytes: Uint8Array; readonly strength?: number }[]
  readonly image: Uint8Array
  readonly options: JobOptions
}

/** Times one forward pass and one learning step of the model. */
export interface BenchStepJob {
  readonly kind: 'bench-step'
  readonly repeats: number
  /** Whether it is tried out what the network predicts. @default false */
  readonly triesPrediction?: boolean
  readonly options: JobOptions
}

/** Reads a difference file and reports what it is. */
export interface InspectJob {
  readonly kind: 'inspect'
  /** A file of ours or a textual inversion made elsewhere (safetensors). */
  readonly bytes: Uint8Array
  /** What it does to a drawn face is to be shown, where that is quick. @default false */
  readonly isDrawn?: boolean
  /** `model`: the one it is to be used with. */
  readonly options: JobOptions
}

export type Job = AnalogyJob | LearnJob | ApplyJob | BenchStepJob | InspectJob

/** `try`: the difference is applied to A and compared with A′. */
export type Stage = 'load' | 'caption' | 'learn' | 'try' | 'invert' | 'sample'

export interface Progress {
  readonly stage: Stage
  readonly step: number
  readonly of: number
  /** B′ as it forms, a small PNG; sent a few times during `sample`. */
  readonly preview?: Uint8Array
  /** A sentence that the person should see while it runs. */
  readonly notice?: string | Sentence
}

/** The facts of a learned difference, as its file, a report and the store have them. Plain data. */
export interface DifferenceFacts {
  /** The version of isto that learned it. */
  readonly version?: string
  readonly model: string
  /** Identifies the model's files: the difference works with this model only. */
  readonly modelHash?: string
  readonly mode: 'fast' | 'parity'
  readonly seed: number
  readonly steps?: number
  /** How many pairs it was learned from. */
  readonly pairs?: number
  readonly caption?: { readonly a?: string; readonly a2?: string; readonly b?: string }
  readonly strength?: number
  readonly preserve?: number
  /** Did it learn? 1 − distance(D applied to A, A′) ÷ distance(A, A′): 1 is perfect, 0 is no better than A unchanged. */
  readonly fit?: number
  /**
   * The same in a word, with how B′ moved where the model can see: right as often as it was measured to be. Absent of
   * older ones.
   */
  readonly verdict?: 'well' | 'partly' | 'not'
  /** Its pictures are a drawn face before and after, since it came without any. */
  readonly isDrawn?: boolean
  /** What the difference is in words, where words were found. */
  readonly name?: string
  /** What was found if it can be done exactly, without the model: “A′ is A at 53 % of its size”. */
  readonly exact?: string | Sentence
  /** The same, where that is a part of it and the rest was learned. */
  readonly part?: string | Sentence
}

/** The `--json` object (docs/architecture.md) without `out`. Fields that don't apply to a job are absent. */
export interface Report extends DifferenceFacts {
  readonly seconds: Readonly<Partial<Record<'load' | 'learn' | 'invert' | 'sample' | 'total', number>>>
  readonly loss?: { readonly first: number; readonly last: number }
  /** Evaluations of the denoising network: each sample of a batch counts, with or without its gradient. */
  readonly evaluations?: number
  readonly peakRssBytes: number
  /** A picture was outside of what the model knows. */
  readonly isOutside?: boolean
  /** The device that computed: cpu, cuda, directml, coreml or webgpu. */
  readonly device?: string
  /** Of a `bench-step` job: medians in milliseconds. */
  readonly bench?: {
    readonly forwardMs: number
    readonly stepMs: number
    readonly ratio: number
    /** Spent once on opening sessions, after the model was loaded. */
    readonly openMs: number
    /** epsilon, v_prediction or flow: what its files say of the network, and what a trial showed, if it showed any. */
    readonly predicts?: { readonly declared: string; readonly found?: string }
  }
}

/** Small PNGs that show a difference. */
export interface Pictures {
  /** A and A′ of the first pair, at most 128 px. */
  readonly a?: Uint8Array
  readonly a2?: Uint8Array
  /** Both side by side with an arrow between them: 272 × 128 px. */
  readonly pair?: Uint8Array
  /** The learning curve as a plot: 480 × 240 px. */
  readonly loss?: Uint8Array
}

export interface JobResult {
  /** B′ as PNG bytes. */
  readonly image?: Uint8Array
  /** All B′ with their seeds if several were asked for, without those that were withheld; `image` is the first. */
  readonly variants?: readonly { readonly image: Uint8Array; readonly seed: number }[]
  /** The model's safety checker found B′ unfit for everyone: there is no picture, and nothing of it was kept. */
  readonly withheld?: true
  /** The learned difference as safetensors bytes; for an `inspect` job the given one, written again. */
  readonly difference?: Uint8Array
  readonly pictures?: Pictures
  /** The pictures of the job as PNG, if there is one among them that chat programs do not show: a TIFF. */
  readonly inputs?: { readonly pairs?: readonly ImagePair[]; readonly b?: Uint8Array }
  readonly report: Report
  /** What the person should see, such as "B is animated; its first frame was used." */
  readonly notices: readonly (string | Sentence)[]
}

export type ToWorker =
  | { readonly type: 'run'; readonly id: string; readonly job: Job }
  /** Noticed between two runs of a network; the job then fails with `cancelled`. */
  | { readonly type: 'cancel'; readonly id: string }

export type FromWorker =
  | { readonly type: 'ready' }
  /** Sent at once: the child listens. Every later message is a sign of life, too. */
  | { readonly type: 'begun'; readonly id: string }
  | { readonly type: 'progress'; readonly id: string; readonly progress: Progress }
  | { readonly type: 'done'; readonly id: string; readonly result: JobResult }
  | ({ readonly type: 'failed'; readonly id: string } & Failure)

/** An error as plain data. */
export interface Failure {
  readonly reason: 'user' | 'other-model' | 'interrupted' | 'cancelled' | 'internal'
  /** In English. */
  readonly message: string
  /** What the person may be told. Absent if `reason` is `internal`, and of failures stored by earlier versions. */
  readonly sentence?: Sentence
}
