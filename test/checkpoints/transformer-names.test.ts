import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { flux } from '../../src/architectures/flux.ts'
import { mmdit } from '../../src/architectures/mmdit.ts'
import type { StoredTensor } from '../../src/architectures/tensors.ts'
import { fluxTensors, mmditTensors } from '../../src/checkpoints/transformer-names.ts'
import { isOnDisk } from '../../src/onnx/graph.ts'

// Of the real sizes, what diffusers' own reader makes of every original tensor (test/reference/transformer_files.py).

interface Known {
  readonly dims: readonly number[]
  /** The name in diffusers of so many rows, from a row of it on. */
  readonly parts: readonly (readonly [name: string, from: number, count: number])[]
}

const packed = readFileSync(join(import.meta.dirname, '../fixtures/checkpoints/transformer-names.json.gz'))
const models: Readonly<Record<string, Readonly<Record<string, Known>>>> = JSON.parse(gunzipSync(packed).toString())

/** Heads of each. */
const heads: Readonly<Record<string, number>> = {
  'sd3-medium': 24,
  'sd3.5-medium': 24,
  'sd3.5-large': 38,
  'flux-dev': 24,
  'flux-schnell': 24,
}

for (const [model, originals] of Object.entries(models)) {
  test(`${model}: the key map is diffusers', in both directions`, () => {
    const file = '/model.safetensors'
    let offset = 0
    const held = Object.entries(originals).map(([name, { dims }]): readonly [string, StoredTensor] => {
      const length = 2 * dims.reduce((product, dim) => product * dim, 1)
      offset += length
      return [name, { type: 'float16', dims, data: { file, offset: offset - length, length } }]
    })
    const mapped = (model.startsWith('flux') ? fluxTensors : mmditTensors)(new Map(held))
    const found = new Set<string>()
    for (const [original, whole] of held) {
      const { dims, parts } = originals[original]!
      const bytesPerRow = whole.data.length / dims[0]!
      let row = 0
      for (const [name, from, count] of parts) {
        found.add(name)
        const own = mapped.get(name)!
        assert.ok(own, name)
        // The two halves of some stand the other way round.
        const rows = own.dims[0]!
        const first = own.isSwapped ? (from + rows / 2) % rows : from
        assert.equal(own.data.offset + first * bytesPerRow, whole.data.offset + row * bytesPerRow, name)
        assert.equal(own.isSwapped ?? false, parts.length === 2 && parts[0]![0] === parts[1]![0], name)
        row += count
      }
    }
    assert.deepEqual([...mapped.keys()].sort(), [...found].sort())
    const bytes = [...mapped.values()].reduce((total, { data }) => total + data.length, 0)
    assert.equal(bytes, offset)

    // The network is built of them at its real size, and no weight is left over.
    const start = performance.now()
    const sizes = { latentSide: 128, heads: heads[model]! }
    const { nodes, constants } = model.startsWith('flux')
      ? flux(mapped, { ...sizes, promptLength: 512, axes: [16, 56, 56] }, 'float16')
      : mmdit(mapped, { ...sizes, promptLength: 333 }, 'float16')
    assert.ok(performance.now() - start < 3000)
    assert.ok(nodes.length < 7000, `${nodes.length} nodes`)
    const onDisk = [...constants.values()].filter(({ data: own }) => isOnDisk(own))
    assert.equal(
      onDisk.reduce((total, { data: own }) => total + own.length, 0),
      offset,
    )
  })
}
