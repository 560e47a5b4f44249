import { UserError } from '../errors.ts'
import type { Graph } from '../onnx/graph.ts'
import type { Device, Feeds, Session } from '../onnx/session.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { cpu, firstLine, type Hardware, largestTensor } from './hardware.ts'

/** The sessions of one network, on one device, in one precision. */
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

interface Placement {
  run(feeds: Feeds, attempt: (sessions: Sessions) => Promise<Attempt>): Promise<Results>
  learn(attempt: (sessions: Sessions) => Promise<Attempt>): Promise<Results>
  close(): Promise<void>
}

/**
 * Decides where a network is computed: on its device; on the CPU if a tensor is larger than the device is known to
 * compute correctly; in float32 from the first time that half precision was not enough. A device that fails, for
 * example for lack of memory, is tried again with one of the two sessions closed; if it fails again, the CPU takes
 * over.
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
  /**
   * On a device with memory of its own both sessions hold the weights: only one is open at a time if there is no room
   * for two.
   */
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
        tell(`${name} is computed on the CPU: ${usual.device} failed (${firstLine(error)}).`)
        await closed(usual)
        usual = place('cpu', false)
        return attempt(usual)
      })
    if (isRight || !usual.half) return results
    tell(`${name} is computed in float32 from now on: its numbers exceed the range of half precision.`)
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
  /** On the CPU only one of the two sessions is open at a time, because each keeps memory for later. @default false */
  readonly takesTurns?: boolean
}

type Kind = 'forward' | 'backward'
const other = { forward: 'backward', backward: 'forward' } as const

/** Not the device's fault. */
const isOurs = (error: unknown) =>
  error instanceof UserError || error instanceof TypeError || error instanceof RangeError

const closed = ({ forward, backward }: Sessions) => Promise.all([forward.close(), backward.close()])

const excess = (bytes: number, limit: number, device: Device) =>
  `it has a tensor of ${mebibytes(bytes)} MiB, and ${device} is known to compute correctly up to ${mebibytes(limit)} MiB`

const mebibytes = (bytes: number) => Math.ceil(bytes / 2 ** 20)

interface Lazy {
  readonly get: () => Promise<Session>
  readonly close: () => Promise<void>
}

export function lazily(open: () => Promise<Session>): Lazy {
  let session: Promise<Session> | undefined
  return {
    get: () => (session ??= open()),
    /** A session that failed to open needs no closing. */
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
