import type { Conditioning, Denoising, LossTerms } from '../engine/networks.ts'
import { UserError } from '../errors.ts'
import type { ValueInfo } from '../onnx/graph.ts'
import { readModel } from '../onnx/proto.ts'
import type { Feed, Feeds } from '../onnx/session.ts'
import { concatenate, repeat, rows } from '../tensor/math.ts'
import { sizeOf, type Tensor, tensor } from '../tensor/tensor.ts'
import { openDifferentiable } from './differentiable.ts'
import { unetPath } from './folder.ts'

export interface DenoisingNetwork {
  denoise(ask: Denoising): Promise<Tensor>
  denoisingGradient(
    ask: Denoising & LossTerms,
  ): Promise<{ readonly loss: readonly number[]; readonly gradient: Conditioning }>
  close(): Promise<void>
}

export interface UnetOptions {
  readonly folder: string
  /** Samples in one call of `denoisingGradient`. */
  readonly learningBatch: number
  /** Pixels of a picture, which SDXL is told. */
  readonly side: number
  /** [channels, height, width] */
  readonly latentDims: readonly number[]
  /** Of the conditioning with n = 1. */
  readonly conditioning: Conditioning
  readonly cacheFolder?: string
  readonly threads?: number
}

/**
 * Reads `unet/`: the one place that knows its tensor names. However many samples are asked for, they are run as the graph and
 * the memory allow: in batches of its own size where that is fixed, apart where it takes one timestep for all.
 */
export async function openUnet(options: UnetOptions): Promise<DenoisingNetwork> {
  const { folder, learningBatch, side, latentDims, conditioning, cacheFolder, threads } = options
  const form = formOf(folder, latentDims, conditioning)
  const { output, fixedBatch, sharesTimestep } = form
  const learningRun = fixedBatch ?? (sharesTimestep ? 1 : Math.min(learningBatch, learnedAtOnce(latentDims)))
  const forwardRun = fixedBatch ?? FORWARD_FACTOR * learnedAtOnce(latentDims)
  const batched = ({ dims }: Tensor) => [learningRun, ...dims.slice(1)]
  const network = await openDifferentiable({
    path: unetPath(folder),
    inputDims: {
      sample: [learningRun, ...latentDims],
      timestep: form.timestepDims(learningRun),
      encoder_hidden_states: batched(conditioning.hiddenStates),
      ...(form.isPooled && { text_embeds: batched(conditioning.pooled!) }),
      ...(form.isSized && { time_ids: [learningRun, TIME_IDS] }),
    },
    by: ['encoder_hidden_states', ...(form.isPooled ? ['text_embeds'] : [])],
    loss: { kind: 'weighted-mse', output },
    cacheFolder,
    threads,
  })
  const feedsOf = (ask: Denoising, { from, to }: Run, size = to - from): Feeds => {
    const timestepDims = form.timestepDims(size)
    const asked = ask.timesteps.slice(from, to)
    const timesteps = Array.from({ length: sizeOf(timestepDims) }, (_, index) => asked[index] ?? asked.at(-1)!)
    const { hiddenStates, pooled } = ask.conditioning
    return {
      sample: filled(ask.latents, from, to, size),
      timestep: { dims: timestepDims, data: Float32Array.from(timesteps) } satisfies Feed,
      encoder_hidden_states: filled(hiddenStates, from, to, size),
      ...(form.isPooled && { text_embeds: filled(pooled!, from, to, size) }),
      ...(form.isSized && { time_ids: repeat(timeIds(side), size) }),
    }
  }
  return {
    denoise: async (ask) => {
      const parts: Tensor[] = []
      for (const run of runsOf(ask.timesteps, forwardRun, sharesTimestep)) {
        const outputs = await network.run(feedsOf(ask, run, fixedBatch))
        parts.push(rows(outputs[output]!, 0, run.to - run.from))
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
          target: filled(ask.target, run.from, run.to, learningRun),
          weight: withZeros(rows(ask.weight, run.from, run.to), learningRun),
        })
        losses.push(...loss!.data.subarray(0, count))
        hiddenStates.push(rows(gradients.encoder_hidden_states!, 0, count))
        if (form.isPooled) pooled.push(rows(gradients.text_embeds!, 0, count))
      }
      const gradient = {
        hiddenStates: concatenate(hiddenStates),
        pooled: form.isPooled ? concatenate(pooled) : undefined,
      }
      return { loss: losses, gradient }
    },
    close: () => network.close(),
  }
}

/** Samples that are run together with their gradient: one of 64 × 64 takes some 3 GB in Stable Diffusion 1.5. */
export function learnedAtOnce(latentDims: readonly number[]): number {
  return Math.max(1, Math.floor((64 * 64) / sizeOf(latentDims.slice(1))))
}

/** A run without gradient takes that many times less memory. */
const FORWARD_FACTOR = 4

/** Of the picture: height and width as it was, crop from top and left, height and width as it is to be. */
const timeIds = (side: number) => tensor([1, TIME_IDS], Float32Array.of(side, side, 0, 0, side, side))
const TIME_IDS = 6

/** What the network's graph says of how it wants to be asked. */
interface Form {
  readonly output: string
  readonly fixedBatch?: number
  /** One timestep for the whole batch. */
  readonly sharesTimestep: boolean
  readonly timestepDims: (size: number) => number[]
  /** SDXL: a pooled embedding, and sizes. */
  readonly isPooled: boolean
  readonly isSized: boolean
}

function formOf(folder: string, latentDims: readonly number[], conditioning: Conditioning): Form {
  const graph = readModel(unetPath(folder))
  const inputs = new Map(graph.inputs.map((info) => [info.name, info]))
  const [sample, timestep] = [inputNamed(inputs, 'sample'), inputNamed(inputs, 'timestep')]
  inputNamed(inputs, 'encoder_hidden_states')
  const [batch, channels] = sample.dims
  if (typeof channels === 'number' && channels !== latentDims[0]) {
    throw new UserError(
      `The model in ${folder} takes a picture beside the prompt (its network has ${channels} channels instead of ${latentDims[0]}): use the plain model that it was made from.`,
    )
  }
  const strange = [...inputs.keys()].find((name) => !KNOWN_INPUTS.has(name))
  if (strange) throw new UserError(`The model in ${folder} asks for \`${strange}\`, which is not known here.`)
  const isPooled = inputs.has('text_embeds')
  if (isPooled && !conditioning.pooled) {
    throw new UserError(`The model in ${folder} wants \`text_embeds\`, and none of its text encoders gives them.`)
  }
  const ids = inputs.get('time_ids')?.dims[1]
  if (typeof ids === 'number' && ids !== TIME_IDS) {
    throw new UserError(`The model in ${folder} is a refiner (its time_ids are ${ids}): use the base model.`)
  }
  const fixedBatch = typeof batch === 'number' ? batch : undefined
  const rank = timestep.dims.length
  const sharesTimestep = rank === 0 || (timestep.dims[0] === 1 && fixedBatch !== 1)
  return {
    output: graph.outputs.includes('out_sample') ? 'out_sample' : graph.outputs[0]!,
    fixedBatch,
    sharesTimestep,
    timestepDims: (size) => (rank === 0 ? [] : [sharesTimestep ? 1 : size]),
    isPooled,
    isSized: inputs.has('time_ids'),
  }
}

const KNOWN_INPUTS = new Set(['sample', 'timestep', 'encoder_hidden_states', 'text_embeds', 'time_ids'])

function inputNamed(inputs: ReadonlyMap<string, ValueInfo>, name: string): ValueInfo {
  const found = inputs.get(name)
  if (!found) throw new UserError(`This model's denoising network has no input \`${name}\`: export it as optimum does.`)
  return found
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

/** Rows of a batch; the last one again and again, up to `size` of them. */
function filled(value: Tensor, from: number, to: number, size: number): Tensor {
  const part = from === 0 && to === value.dims[0] ? value : rows(value, from, to)
  const lacking = size - (to - from)
  return lacking === 0 ? part : concatenate([part, repeat(rows(value, to - 1, to), lacking)])
}

function withZeros(value: Tensor, size: number): Tensor {
  const result = tensor([size, ...value.dims.slice(1)])
  result.data.set(value.data)
  return result
}
