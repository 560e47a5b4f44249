import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ClipTextConfiguration, clipText } from '../../src/architectures/clip-text.ts'
import { errorsOf, exportOf, tensorsOf } from './built-case.ts'

/** begin, words, end, and once more the end as padding. */
const words = [712, 5, 320, 41, 713]
const feeds = {
  input_ids: { dims: [1, 77], data: Int32Array.from({ length: 77 }, (_, index) => words[index] ?? 713) },
}

test('PyTorch’s own numbers: the states of the last layers and the pooled embedding, projected or not', async () => {
  const all = ['hidden_states.2', 'hidden_states.3', 'last_hidden_state', 'text_embeds']
  const cases: (readonly [string, readonly string[], ClipTextConfiguration, readonly string[]])[] = [
    ['text_encoder', ['sd15', 'sd15'], { heads: 2, activation: 'quick_gelu' }, ['last_hidden_state', 'pooler_output']],
    [
      'text_encoder',
      ['sd21', 'sd21'],
      { heads: 2, activation: 'gelu', end: 713 },
      ['last_hidden_state', 'pooler_output'],
    ],
    ['text_encoder_2', ['sdxl-sharded', 'sdxl-fp32'], { heads: 6, activation: 'gelu' }, all],
  ]
  for (const [part, [model, exported], configuration, names] of cases) {
    const errors = await errorsOf(clipText(tensorsOf(model!, part), configuration), exportOf(exported!, part), feeds)
    assert.deepEqual(Object.keys(errors).sort(), names, model)
    assert.ok(Math.max(...Object.values(errors)) < 1e-6, `${model}: ${Object.entries(errors)}`)
  }
})
