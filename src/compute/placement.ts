import { basename, dirname } from 'node:path'
import { gradientName } from '../autodiff/gradient.ts'
import { UserError } from '../errors.ts'
import type { Graph } from '../onnx/graph.ts'
import type { Device, Feeds, Session } from '../onnx/session.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'
import { cotangentScale, cotangentSize } from './gradient-model.ts'
import { cpu, firstLine, type Hardware, largestTensor } from './hardware.ts'

/** Of one network, on one device, in one precision. */
export interface Sessions {
  readonly device: Device
  readonly half: boolean
  readonly forward: Lazy
  readonly backward: Lazy
}

type Results = Record<string, Tensor>

/** What one place made of it. `isRight`: all numbers are finite. */
interface Attempt {
  readonly results: Results
  readonly isRight: boolean
}

export interface Placement {
  run(feeds: Feeds, attempt: (sessions: Sessions) => Promise<Attempt>): Promise<Results>
  learn(attempt: (sessions: Sessions) => Promise<Attempt>): Promise<Results>
  close(): Promise<void>
}

/**
 * Where a network is computed: on its device; on the CPU where a tensor is larger than the device is known to compute right;
 * in float32 from the first time on that half precision was not enough. A device that fails, for instance for lack of
 * memory, is asked again with one of the two sessions closed; one that fails again gives way to the CPU.
 */
export function createPlacement(
  { path, hardware = cpu, inputDims, takesTurns = false }: PlacementOptions,
  graph: Graph,
  sessionsOn: (device: Device, half: boolean) => Sessions,
  isStoredAsHalf: boolean,
): Placement {
  const { device, largestTensor: limit, tell } = hardware
  const name = basename(dirname(path))
  const opened: Sessions[] = []
  const place = (on: Device, half: boolean) => {
    const sessions = sessionsOn(on, half)
    opened.push(sessions)
    return sessions
  }
  let usual = place(device, hardware.half && isStoredAsHalf)
  let fallback: Sessions | undefined
  const fitting = new Map<string, Promise<boolean>>()
  const fits = (dims: PlacementOptions['inputDims'], isGradient: boolean) => {
    const key = JSON.stringify([dims, isGradient])
    const known = fitting.get(key)
    if (known || limit === Number.POSITIVE_INFINITY) return known ?? true
    const found = largestTensor(graph, dims, isGradient).then((bytes) => {
      if (bytes > limit) tell(`${name} is computed on the CPU: ${excess(bytes, limit, device)}.`)
      return bytes <= limit
    })
    fitting.set(key, found)
    return found
  }
  /** Both sessions hold the weights on a device of its own memory: one at a time where there is no room for two. */
  let isCrowded = false
  const withFallback = async (kind: Kind, isFitting: boolean, attempt: (sessions: Sessions) => Promise<Attempt>) => {
    if (!isFitting) {
      fallback ??= place('cpu', false)
      return (await attempt(fallback)).results
    }
    if (usual.device === 'cpu' ? takesTurns : isCrowded) await usual[other[kind]].close()
    const { results, isRight } = await attempt(usual)
      .catch(async (error: unknown) => {
        if (usual.device === 'cpu' || isOurs(error)) throw error
        await closed(usual)
        isCrowded = true
        return attempt(usual)
      })
      .catch(async (error: unknown) => {
        if (usual.device === 'cpu' || isOurs(error)) throw error
        tell(`${name} is computed on the CPU: ${usual.device} gave it up (${firstLine(error)}).`)
        await closed(usual)
        usual = place('cpu', false)
        return attempt(usual)
      })
    if (isRight || !usual.half) return results
    tell(`${name} is computed in float32 from here on: its numbers leave the range of half precision.`)
    await closed(usual)
    usual = place(usual.device, false)
    return (await attempt(usual)).results
  }
  return {
    run: async (feeds, attempt) => {
      const dims = Object.fromEntries(graph.inputs.map(({ name }) => [name, feeds[name]?.dims ?? []]))
      return withFallback('forward', await fits(dims, false), attempt)
    },
    learn: async (attempt) => withFallback('backward', await fits(inputDims, true), attempt),
    close: async () => {
      await Promise.all(opened.map(closed))
    },
  }
}

interface PlacementOptions {
  readonly path: string
  readonly inputDims: Readonly<Record<string, readonly number[]>>
  readonly hardware?: Hardware
  /** On the CPU only one of the two sessions is open at a time, for what each keeps for later. @default false */
  readonly takesTurns?: boolean
}

type Kind = 'forward' | 'backward'
const other = { forward: 'backward', backward: 'forward' } as const

/** Not the device's fault. */
const isOurs = (error: unknown) =>
  error instanceof UserError || error instanceof TypeError || error instanceof RangeError

const closed = ({ forward, backward }: Sessions) => Promise.all([forward.close(), backward.close()])

const excess = (bytes: number, limit: number, device: Device) =>
  `it has a tensor of ${mebibytes(bytes)} MiB, and ${device} is known to compute right up to ${mebibytes(limit)} MiB`

const mebibytes = (bytes: number) => Math.ceil(bytes / 2 ** 20)

/**
 * Runs with gradients that are carried in half precision: from a size on that seldom overflows, halved for good when it does.
 * The gradients come back in their own size.
 */
export function scaledRuns(by: readonly string[]): (session: Session, feeds: Feeds) => Promise<Attempt> {
  const names = new Set(by.map(gradientName))
  let size = USUAL_SIZE
  return async (session, feeds) => {
    for (;;) {
      const results = await session.run({ ...feeds, [cotangentSize]: tensor([], Float32Array.of(size)) })
      const wrong = Object.keys(results).filter((name) => !areFinite(results[name]!))
      // Where the forward pass is at fault, no size helps.
      const isOverflow = wrong.length > 0 && wrong.every((name) => names.has(name))
      if (isOverflow && size > SMALLEST_SIZE) {
        size /= 2
        continue
      }
      const scale = results[cotangentScale]!.data[0]!
      const unscaled = [...names].map((name) => [name, divided(results[name]!, scale)])
      return { results: { ...results, ...Object.fromEntries(unscaled) }, isRight: wrong.length === 0 }
    }
  }
}

/** Of the largest cotangent. From 1 to 1024 the errors are alike (bench/RESULTS.md). */
const USUAL_SIZE = 64
const SMALLEST_SIZE = 2 ** -10

const divided = ({ dims, data }: Tensor, by: number) =>
  tensor(
    dims,
    data.map((value) => value / by),
  )

export const areFinite = ({ data }: Tensor): boolean => data.every(Number.isFinite)

export const isHalf = ({ constants }: Graph): boolean => [...constants.values()].some(({ type }) => type === 'float16')

export interface Lazy {
  readonly get: () => Promise<Session>
  readonly close: () => Promise<void>
}

export function lazily(open: () => Promise<Session>): Lazy {
  let session: Promise<Session> | undefined
  return {
    get: () => (session ??= open()),
    /** A session that could not be opened needs no closing. */
    close: async () => {
      const closing = session
      session = undefined
      await closing?.then(
        (opened) => opened.close(),
        () => undefined,
      )
    },
  }
}
