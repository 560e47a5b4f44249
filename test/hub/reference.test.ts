import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { UserError } from '../../src/errors.ts'
import { readReference } from '../../src/hub/reference.ts'

test('a model is a name or a path, perhaps with what it predicts and with LoRAs', () => {
  const read = (text: string) => readReference(text, '/models')
  assert.deepEqual(read('emoji'), { path: '/models/emoji', loras: [] })
  assert.deepEqual(read('/a/my model.safetensors'), { path: '/a/my model.safetensors', loras: [] })
  assert.deepEqual(read('./b'), { path: resolve('b'), loras: [] })
  assert.deepEqual(read('sd2.safetensors@v'), { path: '/models/sd2.safetensors', prediction: 'v', loras: [] })
  assert.deepEqual(read('/a/x@epsilon+l.safetensors:0.8+/b/m.safetensors'), {
    path: '/a/x',
    prediction: 'epsilon',
    loras: [
      { path: resolve('l.safetensors'), strength: 0.8 },
      { path: '/b/m.safetensors', strength: 1 },
    ],
  })
  assert.deepEqual(read('/a+b/x').path, '/a+b/x')
  assert.equal(read('emoji+c.safetensors:-1').loras[0]!.strength, -1)
  assert.throws(
    () => read('emoji+l.safetensors:much'),
    (error) => error instanceof UserError && /Expected a number after/.test(error.message),
  )
})
