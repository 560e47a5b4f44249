import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { type AdamOptions, adam, cosineRate } from '../../src/engine/adam.ts'
import { tensor } from '../../src/tensor/tensor.ts'

interface Case {
  options: AdamOptions
  start: number[]
  gradients: number[][]
  rates: number[]
  values: number[][]
}

const path = join(import.meta.dirname, '../fixtures/losses/adam.json')
const cases: Case[] = JSON.parse(await readFile(path, 'utf8'))

for (const { options, start, gradients, rates, values } of cases)
  test(`${gradients.length} updates are those of torch.optim, ${JSON.stringify(options)}`, () => {
    const update = adam(options)
    const before = tensor([3, 4], Float32Array.from(start))
    let parameters = before
    for (const [step, gradient] of gradients.entries()) {
      assert.ok(Math.abs(cosineRate(options.learningRate, step, options.steps) - rates[step]!) < 1e-9)
      parameters = update(parameters, tensor([3, 4], Float32Array.from(gradient)))
      for (const [index, value] of values[step]!.entries())
        assert.ok(Math.abs(parameters.data[index]! - value) < 2e-6 * Math.max(1, Math.abs(value)), `update ${step}`)
    }
    assert.deepEqual(before.data, Float32Array.from(start), 'the parameters it was given stay as they were')
  })

test('past the last update the rate stays low, and another shape is refused', () => {
  assert.equal(cosineRate({ from: 1, to: 0.1 }, 25, 10), 0.1)
  assert.throws(() => adam({ steps: 1, learningRate: { from: 1, to: 1 } })(tensor([2]), tensor([3])), RangeError)
})
