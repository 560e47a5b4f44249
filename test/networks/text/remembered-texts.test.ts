import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rememberTexts } from '../../../src/networks/text/remembered-texts.ts'
import { tensor } from '../../../src/tensor/tensor.ts'

function counting(most?: number) {
  const asked: string[][] = []
  const embed = rememberTexts(async (prompts) => {
    asked.push([...prompts])
    return tensor([prompts.length, 2], Float32Array.from(prompts.flatMap((prompt) => [prompt.length, 1])))
  }, most)
  return { asked, embed }
}

test('each text is embedded once, and comes back in the order that is asked for', async () => {
  const { asked, embed } = counting()
  assert.deepEqual((await embed(['a', 'bb', 'a'])).data, Float32Array.of(1, 1, 2, 1, 1, 1))
  assert.deepEqual((await embed(['ccc', 'bb'])).data, Float32Array.of(3, 1, 2, 1))
  assert.deepEqual(await embed(['a']), tensor([1, 2], Float32Array.of(1, 1)))
  assert.deepEqual(asked, [['a', 'bb'], ['ccc']])
})

test('the oldest are forgotten, and more than are remembered may be asked for at once', async () => {
  const { asked, embed } = counting(2)
  assert.deepEqual((await embed(['a', 'bb', 'ccc'])).dims, [3, 2])
  await embed(['ccc'])
  await embed(['a'])
  assert.deepEqual(asked, [['a', 'bb', 'ccc'], ['a']])
})
