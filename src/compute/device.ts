import { fork } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { type Device, knownDevices } from '../onnx/session.ts'
import { LARGEST_ERROR_IN_HALF } from './half-precision.ts'
import { cpu, type Hardware } from './hardware.ts'

/** The result of trying a device out (device-trial.ts). */
export type Trial =
  | { readonly refused: string }
  | {
      /** The error of a gradient relative to the CPU's: in float32, and in float16 if that could be computed. */
      readonly error: number
      readonly errorInHalf?: number
      /** How many times as fast as the CPU. */
      readonly speedUp: number
      readonly largestTensor: number
    }

export interface Choosing {
  /** Told in one line which device is used, and why not a better one. */
  readonly tell: (line: string) => void
  /** @default in a child process, so that a crash or a hang harms nothing else */
  readonly tryOut?: (device: Device) => Promise<Trial>
  readonly known?: readonly Device[]
  readonly platform?: NodeJS.Platform
  /** Whether the system has a graphics card. Without one, WebGPU on Linux would be computed by the CPU. */
  readonly hasCard?: boolean
}

/**
 * The device that is asked for; with `auto` the best one that loads, computes correctly and is faster than the CPU. If
 * a device can't be used, that is said and the CPU is used instead; if there is nothing but a CPU, nothing is said.
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
 * WebGPU comes before Core ML, which rounds to half precision by itself. No build for Windows has CUDA or Core ML, and
 * no other build has DirectML.
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
  // NaN counts as an error.
  if (!(error <= LARGEST_ERROR)) return `its gradients are wrong by ${error.toExponential(0)}`
  if (isAuto && speedUp < 1) return `it takes ${(1 / speedUp).toFixed(1)} times as long as the CPU`
  return undefined
}

const missing = (device: Device, platform: NodeJS.Platform) =>
  device === 'cuda' && platform === 'linux'
    ? 'its libraries are missing; npm rebuild onnxruntime-node --onnxruntime-node-install=cuda12 downloads them'
    : `it is not part of ONNX Runtime for ${platform} on ${process.arch}`

/** Linux's render nodes, NVIDIA's own devices, and that of the Windows Subsystem for Linux. */
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

/** @param path The child's program. It is given the device and sends one {@link Trial}. */
export function tryInChild(
  device: Device,
  path: string | URL = new URL('device-trial.ts', import.meta.url),
  timeoutMilliseconds = USUAL_TIMEOUT,
): Promise<Trial> {
  // ONNX Runtime and the drivers print a lot; what matters is in the message.
  const child = fork(path, [device], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
  const { promise, resolve } = Promise.withResolvers<Trial>()
  const timer = setTimeout(() => {
    resolve({ refused: `it did nothing for ${timeoutMilliseconds / 1000} s` })
    child.kill('SIGKILL')
  }, timeoutMilliseconds)
  child.on('message', (trial: Trial) => resolve(trial))
  child.on('error', (error) => resolve({ refused: `it could not be tried (${error.message})` }))
  child.on('exit', (code, signal) => {
    clearTimeout(timer)
    resolve({ refused: `it crashed the process that tried it (${signal ?? `code ${code}`})` })
  })
  return promise
}

/** Drivers compile their programs the first time, and a card that others use is slow. */
const USUAL_TIMEOUT = 120_000
