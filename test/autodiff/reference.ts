import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Feed } from '../../src/onnx/session.ts'
import { decodeSafetensors } from '../../src/tensor/safetensors.ts'
import type { Tensor } from '../../src/tensor/tensor.ts'

/** What test/reference/exports.py wrote beside an exported model. */
export interface Export {
  readonly family: string
  readonly exporter: 'legacy' | 'dynamo'
  readonly opset: number
  readonly precision: 'fp32' | 'fp16'
  readonly inputs: Readonly<Record<string, readonly number[]>>
  readonly integers: Readonly<Record<string, readonly number[]>>
  readonly outputs: readonly string[]
  readonly by: readonly string[]
  readonly errorOfPyTorch: ErrorOfPyTorch
}

/** Text encoders before a network, and the loss of what comes out. */
export interface Chain {
  readonly unet: string
  readonly texts: readonly string[]
  readonly states: string
  readonly integers: Readonly<Record<string, readonly number[]>>
  readonly errorOfPyTorch: ErrorOfPyTorch
}

/** Of its arithmetic in the exported precision, against its own in float64: what a perfect gradient would have. */
interface ErrorOfPyTorch {
  readonly output: number
  readonly gradient: number
}

const fixtures = join(import.meta.dirname, '../fixtures/exports')

export const exportNames = readdirSync(fixtures).filter((name) => !name.startsWith('chain'))
export const chainNames = readdirSync(fixtures).filter((name) => name.startsWith('chain'))
export const modelPath = (name: string): string => join(fixtures, name, 'model.onnx')
export const readCase = <Case>(name: string): Case =>
  JSON.parse(readFileSync(join(fixtures, name, 'case.json'), 'utf8'))
export const readNumbers = (name: string): Readonly<Record<string, Tensor>> =>
  decodeSafetensors(readFileSync(join(fixtures, name, 'numbers.safetensors')), name).tensors

/** The feeds of an export: its inputs, and the cotangent of each output. */
export function feedsOf({ inputs, integers }: Export, numbers: Readonly<Record<string, Tensor>>): Record<string, Feed> {
  const feeds: Record<string, Feed> = {}
  for (const [name, value] of Object.entries(numbers)) {
    if (name.startsWith('input:')) feeds[name.slice('input:'.length)] = value
    if (name.startsWith('cotangent:')) feeds[name] = value
  }
  for (const [name, values] of Object.entries(integers)) {
    feeds[name] = { dims: inputs[name]!, data: Int32Array.from(values) }
  }
  return feeds
}

/** ‖got − expected‖ / ‖expected‖ */
export function relativeError(got: Tensor, expected: Tensor): number {
  if (String(got.dims) !== String(expected.dims)) throw new RangeError(`[${got.dims}] instead of [${expected.dims}]`)
  let [difference, size] = [0, 0]
  for (const [index, value] of expected.data.entries()) {
    difference += (got.data[index]! - value) ** 2
    size += value ** 2
  }
  return Math.sqrt(difference / size)
}
