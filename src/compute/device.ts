import { fork } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { type Device, knownDevices } from '../onnx/session.ts'
import { LARGEST_ERROR_IN_HALF } from './half-precision.ts'
import { cpu, type Hardware } from './hardware.ts'

/** What a trial of a device found (device-trial.ts). */
export type Trial =
  | { readonly refused: string }
  | {
      /** Of a gradient, relative to the CPU's: in float32, and in float16 where that could be computed. */
      readonly error: number
      readonly errorInHalf?: number
      /** How many times as fast as the CPU. */
      readonly speedUp: number
      readonly largestTensor: number
    }

export interface Choosing {
  /** Told in one line what is used, and why not something better. */
  readonly tell: (line: string) => void
  /** @default in a child process, so that one that crashes or hangs takes nothing else with it */
  readonly tryOut?: (device: Device) => Promise<Trial>
  readonly known?: readonly Device[]
  readonly platform?: NodeJS.Platform
  /** Whether the system shows a graphics card: without one, WebGPU on Linux can only be computed by the CPU. */
  readonly hasCard?: boolean
}

/**
 * The device that is asked for, or with `auto` the best that loads, computes right and is faster than the CPU. What can't be
 * used is said, and the CPU used instead; where there is nothing but a CPU, nothing is said.
 */
export async function chooseDevice(asked: Device | 'auto', choosing: Choosing): Promise<Hardware> {
  const { tell, tryOut = tryInChild, known = knownDevices() } = choosing
  const { platform = process.platform, hasCard = seesCard() } = choosing
  if (asked === 'cpu') return { ...cpu, tell }
  const isAuto = asked === 'auto'
  const worthTrying = (device: Device) =>
    known.includes(device) && (device !== 'webgpu' || platform !== 'linux' || hasCard)
  const candidates = isAuto ? (order[platform] ?? []).filter(worthTrying) : [asked]
  const reasons: string[] = []
  for (const device of candidates) {
    const trial: Trial = known.includes(device) ? await tryOut(device) : { refused: missing(device, platform) }
    const fault = faultOf(trial, isAuto)
    if (fault !== undefined || 'refused' in trial) {
      reasons.push(`${labels[device]}: ${fault}`)
      continue
    }
    const half = trial.errorInHalf !== undefined && trial.errorInHalf <= LARGEST_ERROR_IN_HALF
    tell(`Computing on ${labels[device]}.${reasons.length > 0 ? ` Not on ${reasons.join('; ')}.` : ''}`)
    return { device, half, largestTensor: trial.largestTensor, tell }
  }
  if (reasons.length > 0) tell(`Computing on the CPU. ${reasons.join('; ')}.`)
  return { ...cpu, tell }
}

/**
 * WebGPU before Core ML, which rounds to half precision by itself. CUDA and Core ML are in no build for Windows, DirectML in
 * no other.
 */
const order: Partial<Record<NodeJS.Platform, readonly Device[]>> = {
  linux: ['cuda', 'webgpu'],
  win32: ['directml', 'webgpu'],
  darwin: ['webgpu', 'coreml'],
}

const labels: Readonly<Record<Device, string>> = {
  cpu: 'the CPU',
  cuda: 'CUDA',
  directml: 'DirectML',
  coreml: 'Core ML',
  webgpu: 'WebGPU',
}

/** Of the gradient of a small network, relative to the CPU's. */
const LARGEST_ERROR = 1e-3

function faultOf(trial: Trial, isAuto: boolean): string | undefined {
  if ('refused' in trial) return trial.refused
  const { error, speedUp } = trial
  // NaN is an error, too.
  if (!(error <= LARGEST_ERROR)) return `its gradients are wrong by ${error.toExponential(0)}`
  if (isAuto && speedUp < 1) return `it takes ${(1 / speedUp).toFixed(1)} times as long as the CPU`
  return undefined
}

const missing = (device: Device, platform: NodeJS.Platform) =>
  device === 'cuda' && platform === 'linux'
    ? 'its libraries are missing; npm rebuild onnxruntime-node --onnxruntime-node-install=cuda12 fetches them'
    : `it is not in ONNX Runtime for ${platform} on ${process.arch}`

/** Render nodes of the kernel, NVIDIA's own devices, and the one of Windows' subsystem. */
function seesCard(): boolean {
  const names = [...namesIn('/dev'), ...namesIn('/dev/dri')]
  return names.some((name) => /^(renderD\d+|nvidia\d+|dxg)$/.test(name))
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** @param path The child's program: it is given the device, and sends one {@link Trial}. */
export function tryInChild(
  device: Device,
  path: string | URL = new URL('device-trial.ts', import.meta.url),
  patienceMilliseconds = USUAL_PATIENCE,
): Promise<Trial> {
  // ONNX Runtime and the drivers complain at length on their own; what counts is in the message.
  const child = fork(path, [device], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
  const { promise, resolve } = Promise.withResolvers<Trial>()
  const timer = setTimeout(() => {
    resolve({ refused: `it did nothing for ${patienceMilliseconds / 1000} s` })
    child.kill('SIGKILL')
  }, patienceMilliseconds)
  child.on('message', (trial: Trial) => resolve(trial))
  child.on('error', (error) => resolve({ refused: `it could not be tried out (${error.message})` }))
  child.on('exit', (code, signal) => {
    clearTimeout(timer)
    resolve({ refused: `it ended the process that tried it out (${signal ?? `code ${code}`})` })
  })
  return promise
}

/** Drivers compile their programs the first time; a card in use by others is slow. */
const USUAL_PATIENCE = 120_000
