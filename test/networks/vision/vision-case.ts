import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeSafetensors } from '../../../src/tensor/safetensors.ts'
import type { Tensor } from '../../../src/tensor/tensor.ts'

// What test/reference/vision.py made.

export const visionFixtures = join(import.meta.dirname, '../../fixtures/vision')

export async function readNumbers(): Promise<Readonly<Record<string, Tensor>>> {
  return decodeSafetensors(await readFile(join(visionFixtures, 'numbers.safetensors')), 'numbers').tensors
}

/** ‖actual − expected‖ ÷ ‖expected‖ */
export function relativeError(actual: Tensor, expected: Tensor): number {
  if (actual.data.length !== expected.data.length) return Number.POSITIVE_INFINITY
  const error = Math.hypot(...actual.data.map((value, index) => value - expected.data[index]!))
  return error / Math.hypot(...expected.data)
}
