import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { DiffusionModel, Tokens } from '../../src/diffusion/model.ts'
import { readScheduleConfig, schedule } from '../../src/diffusion/schedule.ts'
import { decodeDifference } from '../../src/engine/difference.ts'
import { readLayout } from '../../src/networks/layout.ts'
import { loadModel } from '../../src/networks/load.ts'
import { decodeSafetensors } from '../../src/tensor/safetensors.ts'
import type { Tensor } from '../../src/tensor/tensor.ts'
import { families, writtenByIsto, writtenFolder } from '../reference/differences.ts'

// Files that stock diffusers has loaded, and what it made of a prompt with each (test/reference/differences.py).

const fixtures = join(import.meta.dirname, '../fixtures')
const PROMPT = 'a small dog'
const read = async (path: string) => decodeSafetensors(await readFile(join(fixtures, path)), path)

/** ‖actual − expected‖ ÷ ‖expected‖ */
function relativeError(actual: Tensor, expected: Tensor): number {
  assert.equal(actual.data.length, expected.data.length)
  const error = Math.hypot(...actual.data.map((value, index) => value - expected.data[index]!))
  return error / Math.hypot(...expected.data)
}

for (const family of families) {
  describe(family, () => {
    let networks: DiffusionModel
    before(async () => {
      networks = await loadModel({
        layout: await readLayout({ path: join(fixtures, 'pipelines', family), loras: [] }),
        learningBatch: 1,
        readSchedule: (config) => schedule(readScheduleConfig(config)),
      })
    })
    after(() => networks?.close())

    async function assertAlike(tokens: Tokens, numbers: Readonly<Record<string, Tensor>>, name: string) {
      const { hiddenStates, pooled } = await networks.encodePrompt(PROMPT, tokens)
      assert.ok(relativeError(hiddenStates, numbers[`${name} hidden_states`]!) <= 1e-4)
      const expected = numbers[`${name} pooled`]
      if (expected) assert.ok(relativeError(pooled!, expected) <= 1e-4)
      const without = await networks.encodePrompt(PROMPT)
      assert.ok(relativeError(without.hiddenStates, numbers[`${name} hidden_states`]!) > 0.1, 'it does something')
    }

    test('a file of isto conditions alike in diffusers', async () => {
      const bytes = await readFile(join(writtenFolder, `${family}.safetensors`))
      assert.deepEqual(Buffer.from(await writtenByIsto(family)), bytes, 'it is as isto writes it today')
      const content = decodeSafetensors(bytes, 'D')
      const model = { ...networks, name: family, hash: '0123456789abcdef' }
      const { tokens, origin } = decodeDifference(content, { name: 'D', model })
      assert.equal(origin?.strength, 1.5)
      await assertAlike(tokens, (await read('differences/isto.safetensors')).tensors, family)
    })

    for (const [name, of] of [
      ['learned_embeds-many', 'sd15'],
      ['kohya-fp16', 'sd15'],
      ['kohya-sdxl-fp16', 'sdxl'],
    ] as const) {
      if (of !== family) continue
      test(`${name} from elsewhere conditions alike here`, async () => {
        const content = await read(`differences/elsewhere/${name}.safetensors`)
        const { tokens } = decodeDifference(content, { name: 'D', model: networks })
        await assertAlike(tokens, (await read('differences/elsewhere.safetensors')).tensors, name)
      })
    }
  })
}
