import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { Job, Progress } from '../../src/jobs/protocol.ts'
import { createPerformer } from '../../src/worker/perform.ts'

const { perform } = createPerformer({})
const file = (name: string) => readFileSync(`examples/09-grinning-to-crying/${name}.png`)
const pairs = [{ a: file('a'), a2: file('a2') }]
const b = file('b')
const options = { model: 'emoji', mode: 'fast', strength: 1.5, preserve: 1, steps: 1 } as const

test('variants differ, and each is what the difference gives with its seed', async () => {
  const progress: Progress[] = []
  const done = (job: Job) =>
    perform(job, { signal: new AbortController().signal, onProgress: (one) => progress.push(one) })
  // After the last seed comes the first.
  const last = 2 ** 32 - 1
  const made = await done({ kind: 'analogy', pairs, b, options: { ...options, seed: last, variants: 3 } })
  const { image, difference, variants = [] } = made
  assert.deepEqual(
    variants.map(({ seed }) => seed),
    [last, 0, 1],
  )
  assert.equal(variants[0]!.image, image)
  assert.notDeepEqual(variants[1]!.image, image)
  const steps = progress.filter(({ stage, of }) => stage === 'sample' && of > 10).map(({ step }) => step)
  assert.deepEqual(
    steps,
    Array.from({ length: 20 }, (_, index) => index + 1),
  )
  const differences = [{ bytes: difference! }]
  const alone = await done({ kind: 'apply', differences, image: b, options: { ...options, seed: 1 } })
  assert.ok(Buffer.from(alone.image!).equals(variants[2]!.image))
  assert.equal(alone.variants, undefined)
})
