import { UserError } from '../errors.ts'
import type { Graph } from '../onnx/graph.ts'
import type { Device, Feeds, Session } from '../onnx/session.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { cpu, firstLine, type Hardware, largestTensor } from './hardware.ts'

/** Of one network, on one device, in one precision. */
export interface Sessions {
  readonly device: Device
  readonly half: boolean
  readonly forward: Lazy
  readonly backward: Lazy
}

type Results = Record<string, Tensor>

/** What one attempt computed. `isRight`: all numbers are finite. */
export interface Attempt {
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
  { name, hardware = cpu, inputDims, takesTurns = false }: PlacementOptions,
  graph: Graph,
  sessionsOn: (device: Device, half: boolean) => Sessions,
  isStoredAsHalf: boolean,
): Placement {
  const { device, largestTensor: limit, tell } = hardware
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
  readonly name: string
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
