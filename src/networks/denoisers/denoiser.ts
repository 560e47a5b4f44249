import { openDifferentiable } from '../../compute/differentiable.ts'
import type { Hardware } from '../../compute/hardware.ts'
import type { Conditioning, Denoising, DiffusionModel } from '../../diffusion/model.ts'
import { UserError } from '../../errors.ts'
import type { ValueInfo } from '../../onnx/graph.ts'
import type { Feed, Feeds } from '../../onnx/session.ts'
import { concatenate, repeat, rows } from '../../tensor/math.ts'
import { sizeOf, type Tensor, tensor } from '../../tensor/tensor.ts'
import type { ModelLayout } from '../layout.ts'

export type DenoisingNetwork = Pick<DiffusionModel, 'denoise' | 'denoisingGradient' | 'close'>

export interface DenoisingOptions {
  readonly layout: ModelLayout
  /** Samples in one call of `denoisingGradient`. */
  readonly learningBatch: number
  /** [channels, height, width] */
  readonly latentDims: readonly number[]
  /** The conditioning of one sample (n = 1). */
  readonly conditioning: Conditioning
  readonly cacheFolder?: string
  readonly hardware?: Hardware
}

/** What a denoising network's graph says about its inputs and outputs. */
export interface DenoisingForm {
  /** The names of its tensors; `pooled` is absent if it takes no pooled embedding. */
  readonly names: {
    readonly latents: string
    readonly states: string
    readonly pooled?: string
    readonly output: string
  }
  readonly batching: Batching
  /** Further inputs that are the same for every sample: [1, …] by name. */
  readonly further: Readonly<Record<string, Tensor>>
  /** Further inputs that are given once for the whole batch, by name. */
  readonly shared?: Readonly<Record<string, Tensor>>
  /** How it takes latents and returns its output, if not as they are. */
  readonly packing?: Packing
}

export interface Packing {
  /** Of one sample. */
  readonly dims: readonly number[]
  /** [n, channels, height, width] → [n, …dims] */
  pack(latents: Tensor): Tensor
  /** The inverse. */
  unpack(packed: Tensor): Tensor
}

/**
 * Any number of samples is run as the graph and the memory allow: in batches of the graph's size if that is fixed, one
 * by one if it takes one timestep for all.
 */
export async function openDenoisingNetwork(form: DenoisingForm, options: DenoisingOptions): Promise<DenoisingNetwork> {
  const { layout, learningBatch, latentDims, conditioning, cacheFolder, hardware } = options
  const { names, further, shared = {} } = form
  const { dims: packedDims, pack, unpack } = form.packing ?? { dims: latentDims, pack: asIs, unpack: asIs }
  const { fixedBatch, sharesTimestep, timestepDims, timestepOf } = form.batching
  const learningRun = fixedBatch ?? (sharesTimestep ? 1 : Math.min(learningBatch, learnedAtOnce(latentDims)))
  const forwardRun = fixedBatch ?? learnedAtOnce(latentDims)
  const batched = ({ dims }: Tensor) => [learningRun, ...dims.slice(1)]
  const network = await openDifferentiable({
    graph: layout.graph('denoiser'),
    name: NAMES[layout.architecture],
    inPhases: true,
    inputDims: {
      [names.latents]: [learningRun, ...packedDims],
      timestep: timestepDims(learningRun),
      [names.states]: batched(conditioning.hiddenStates),
      ...(names.pooled && { [names.pooled]: batched(conditioning.pooled!) }),
      ...Object.fromEntries(Object.entries(further).map(([name, value]) => [name, batched(value)])),
      ...Object.fromEntries(Object.entries(shared).map(([name, { dims }]) => [name, dims])),
    },
    by: [names.states, ...(names.pooled ? [names.pooled] : [])],
    loss: { kind: 'weighted-mse', output: names.output },
    cacheFolder,
    hardware,
  })
  const feedsOf = (ask: Denoising, { from, to }: Run, size = to - from): Feeds => {
    const dims = timestepDims(size)
    const asked = ask.timesteps.slice(from, to)
    const timesteps = Array.from({ length: sizeOf(dims) }, (_, index) => asked[index] ?? asked.at(-1)!)
    const { hiddenStates, pooled } = ask.conditioning
    return {
      [names.latents]: pack(filled(ask.latents, from, to, size)),
      timestep: { dims, data: Float32Array.from(timesteps, timestepOf) } satisfies Feed,
      [names.states]: filled(hiddenStates, from, to, size),
      ...(names.pooled && { [names.pooled]: filled(pooled!, from, to, size) }),
      ...Object.fromEntries(Object.entries(further).map(([name, value]) => [name, repeat(value, size)])),
      ...shared,
    }
  }
  return {
    denoise: async (ask) => {
      const parts: Tensor[] = []
      for (const run of runsOf(ask.timesteps, forwardRun, sharesTimestep)) {
        const outputs = await network.run(feedsOf(ask, run, fixedBatch))
        parts.push(unpack(rows(outputs[names.output]!, 0, run.to - run.from)))
      }
      return concatenate(parts)
    },
    denoisingGradient: async (ask) => {
      const losses: number[] = []
      const hiddenStates: Tensor[] = []
      const pooled: Tensor[] = []
      for (const run of runsOf(ask.timesteps, learningRun, sharesTimestep)) {
        const count = run.to - run.from
        const { loss, gradients } = await network.runWithGradient({
          ...feedsOf(ask, run, learningRun),
          target: pack(filled(ask.target, run.from, run.to, learningRun)),
          weight: pack(withZeros(rows(ask.weight, run.from, run.to), learningRun)),
        })
        losses.push(...loss!.data.subarray(0, count))
        hiddenStates.push(rows(gradients[names.states]!, 0, count))
        if (names.pooled) pooled.push(rows(gradients[names.pooled]!, 0, count))
      }
      const gradient = {
        hiddenStates: concatenate(hiddenStates),
        pooled: names.pooled ? concatenate(pooled) : undefined,
      }
      return { loss: losses, gradient }
    },
    close: () => network.close(),
  }
}

const asIs = (value: Tensor) => value

const NAMES = { unet: 'unet', sd3: 'transformer', flux: 'transformer' } as const

/**
 * Samples that are run together: one of 64 × 64 takes 1.6 GB with its gradient in Stable Diffusion 1.5, 1.1 GB without.
 */
export function learnedAtOnce(latentDims: readonly number[]): number {
  return Math.max(1, Math.floor((64 * 64) / sizeOf(latentDims.slice(1))))
}

interface Batching {
  readonly fixedBatch?: number
  /** One timestep for the whole batch. */
  readonly sharesTimestep: boolean
  readonly timestepDims: (size: number) => number[]
  /** Samplers also stop between timesteps; a network that takes whole ones is given the nearest. */
  readonly timestepOf: (timestep: number) => number
}

/** From the inputs for latents and for the timestep. */
export function batchingOf(latents: ValueInfo, timestep: ValueInfo): Batching {
  const [batch] = latents.dims
  const fixedBatch = typeof batch === 'number' ? batch : undefined
  const rank = timestep.dims.length
  const sharesTimestep = rank === 0 || (timestep.dims[0] === 1 && fixedBatch !== 1)
  return {
    fixedBatch,
    sharesTimestep,
    timestepDims: (size) => (rank === 0 ? [] : [sharesTimestep ? 1 : size]),
    timestepOf: (asked) => (timestep.type.startsWith('int') ? Math.round(asked) : asked),
  }
}

/**
 * The inputs of a denoising network, by name.
 * @throws UserError if one of `wanted` is missing, or there is one that is neither `wanted` nor `known`
 */
export function inputsOf(
  layout: ModelLayout,
  wanted: readonly string[],
  known: readonly string[],
): (name: string) => ValueInfo | undefined {
  const inputs = new Map(layout.graph('denoiser').inputs.map((info) => [info.name, info]))
  const missing = wanted.find((name) => !inputs.has(name))
  if (missing)
    throw new UserError(`This model's denoising network has no input \`${missing}\`: export it as optimum does.`)
  const strange = [...inputs.keys()].find((name) => !wanted.includes(name) && !known.includes(name))
  if (strange) throw new UserError(`The model in ${layout.path} has an input \`${strange}\`, which is not supported.`)
  return (name) => inputs.get(name)
}

/** The name of its output: not every exporter uses `usual`. */
export function outputOf(layout: ModelLayout, usual: string): string {
  const { outputs } = layout.graph('denoiser')
  return outputs.includes(usual) ? usual : outputs[0]!
}

/**
 * @param taken The channels that the network takes. @default those of `latents`, [n, channels, …]
 * @throws UserError if it takes more channels than latents have, as one for inpainting does
 */
export function refuseOtherChannels(
  latents: ValueInfo,
  { path }: ModelLayout,
  latentDims: readonly number[],
  taken = latents.dims[1],
): void {
  if (typeof taken !== 'number' || taken === latentDims[0]) return
  throw new UserError(
    `The model in ${path} takes a picture besides the prompt (its network has ${taken} channels instead of ${latentDims[0]}): use the plain model that it was made from.`,
  )
}

/** Samples `from` (inclusive) to `to` (exclusive). */
interface Run {
  readonly from: number
  readonly to: number
}

function runsOf(timesteps: readonly number[], most: number, sharesTimestep: boolean): Run[] {
  const runs: Run[] = []
  for (let from = 0; from < timesteps.length; from = runs.at(-1)!.to) {
    let to = from + 1
    while (to < timesteps.length && to - from < most && !(sharesTimestep && timesteps[to] !== timesteps[from])) to++
    runs.push({ from, to })
  }
  return runs
}

/** Rows of a batch; the last one is repeated up to `size` rows. */
function filled(value: Tensor, from: number, to: number, size: number): Tensor {
  const part = from === 0 && to === value.dims[0] ? value : rows(value, from, to)
  const missing = size - (to - from)
  return missing === 0 ? part : concatenate([part, repeat(rows(value, to - 1, to), missing)])
}

function withZeros(value: Tensor, size: number): Tensor {
  const result = tensor([size, ...value.dims.slice(1)])
  result.data.set(value.data)
  return result
}
