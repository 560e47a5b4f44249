import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { readLayout } from '../../../src/networks/layout.ts'
import { openTextEncoders } from '../../../src/networks/text/text-encoders.ts'
import { createRandom } from '../../../src/tensor/random.ts'
import { tensor } from '../../../src/tensor/tensor.ts'
import { pipelinesFolder } from '../pipeline-case.ts'

// The joint space of a model with two text encoders is that of the second, [1, 20].

for (const { name, before } of [
  { name: 'sdxl-fp32', before: 0 },
  { name: 'sd3', before: 12 },
]) {
  test(`in ${name} the joint space is a part of the pooled embedding, and has its gradient`, async () => {
    const encoders = await openTextEncoders({
      layout: await readLayout({ path: join(pipelinesFolder, name), loras: [] }),
    })
    const { encode, gradient, projecting } = encoders
    const random = createRandom(3)
    const tokens = encoders.tokenWidths.map((width) => random.normal([2, width]))
    const { pooled } = await encode('a cat', tokens)
    const embedded = await projecting!.embedTokens('a cat', tokens)
    assert.deepEqual(embedded.dims, [1, 20])
    assert.deepEqual(embedded.data, pooled!.data.slice(before))

    const cotangent = random.normal([1, 20])
    const padded = tensor([1, before + 20])
    padded.data.set(cotangent.data, before)
    const [first, second] = await projecting!.gradient('a cat', tokens, cotangent)
    const [, expected] = await gradient('a cat', tokens, { pooled: padded })
    assert.ok(first!.data.every((value) => value === 0))
    assert.deepEqual([first!.dims, second!.data], [[2, 16], expected!.data])
    await encoders.close()
  })
}
