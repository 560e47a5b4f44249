import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { DiffusionModel, Tokens } from '../../src/diffusion/model.ts'
import { repeatConditioning } from '../../src/diffusion/sampler.ts'
import { readScheduleConfig, schedule } from '../../src/diffusion/schedule.ts'
import { predictionOf } from '../../src/engine/prediction.ts'
import { tryNames } from '../../src/engine/try-names.ts'
import { decodeImage } from '../../src/image/decode.ts'
import { readLayout } from '../../src/networks/layout.ts'
import { loadModel } from '../../src/networks/load.ts'
import { combine, meanSquare, sumRows } from '../../src/tensor/math.ts'
import { createRandom } from '../../src/tensor/random.ts'
import { sizeOf, type Tensor, tensor } from '../../src/tensor/tensor.ts'

// The model that ships, as the method sees it.

const root = join(import.meta.dirname, '../..')
const example = async (name: string) => {
  const bytes = await readFile(join(root, 'examples', name))
  return (await decodeImage(bytes, { name, width: model.side, height: model.side })).pixels
}

let model: DiffusionModel
before(async () => {
  const start = performance.now()
  model = await loadModel({
    layout: await readLayout({ path: join(root, 'models/emoji'), loras: [] }),
    learningBatch: 2,
    readSchedule: (config) => schedule(readScheduleConfig(config)),
  })
  console.log(`loaded in ${Math.round(performance.now() - start)} ms`)
})
after(() => model.close())

test('a picture survives the autoencoder', async () => {
  const picture = await example('03-red-frame/a2.png')
  const again = await model.decodeLatents(await model.encodePicture(picture))
  assert.ok(meanSquare(picture, again) < 4 / 10 ** 2.6, `${meanSquare(picture, again)}: under 26 dB`)
})

test('pictures are captioned with what is there', async () => {
  assert.equal((await model.caption!(await example('01-teal-background/a.png'))).thing, 'a dog')
  const plain = await model.caption!(await example('03-red-frame/a.png'))
  const framed = await model.caption!(await example('03-red-frame/a2.png'), plain)
  assert.match(plain.full, /^a cat, (?!.*framed)/)
  assert.match(framed.full, /^a cat, .*framed in/)
  const coloured = await model.caption!(await example('04-greyscale/a.png'))
  const grey = await model.caption!(await example('04-greyscale/a2.png'), coloured)
  assert.match(coloured.full, /^a car, (?!.*greyscale)/)
  assert.match(grey.full, /^a car, .*greyscale/)
  assert.match((await model.caption!(await example('07-flat-to-ink/a2.png'))).full, /ink style/)
})

test('what the network predicts is seen, whatever its files say', async () => {
  const random = createRandom(3)
  assert.equal(await predictionOf(model, { random }), 'v_prediction')
  // The same network as one that predicts ε = √α̅·v + √(1−α̅)·x.
  const denoise: DiffusionModel['denoise'] = async (ask) => {
    const { signal, sigma } = model.schedule.level(ask.timesteps[0]!)
    return combine([signal, await model.denoise(ask)], [sigma, ask.latents])
  }
  assert.equal(await predictionOf({ ...model, denoise }, { random }), 'epsilon')
  const untrained = { ...model, denoise: async ({ latents }: { latents: Tensor }) => random.normal(latents.dims) }
  assert.equal(await predictionOf(untrained, { random }), undefined)
})

test('of likely names the one is taken that makes A′ of A', async () => {
  const [a, a2] = [await example('03-red-frame/a.png'), await example('03-red-frame/a2.png')]
  const { full } = await model.caption!(a)
  const names = ['framed in red, a tent', 'framed in blue', 'framed in red', 'ink style', 'small'].map((phrases) => {
    return { phrases, likeness: 0.7 }
  })
  const tried = await tryNames(model, { a, a2, prompt: full }, names, { steps: 5, random: createRandom(1) })
  assert.equal(tried?.phrases, 'framed in red')
  const none = await tryNames(model, { a, a2, prompt: full }, [], { steps: 5, random: createRandom(1) })
  assert.equal(none, undefined)
})

test('the loss by the tokens, through UNet and text encoder, has the gradient that central differences see', async () => {
  const random = createRandom(5)
  const shape = [2, ...model.latentDims]
  const prompt = 'a cat, flat style, on a teal background'
  const ask = {
    latents: random.normal(shape),
    timesteps: [200, 700],
    target: random.normal(shape),
    weight: tensor(shape, new Float32Array(2 * sizeOf(model.latentDims)).fill(1 / 100)),
  }
  const evaluate = async (tokens: Tokens) =>
    model.denoisingGradient({
      ...ask,
      conditioning: repeatConditioning(await model.encodePrompt(prompt, tokens), 2),
    })
  const lossOf = async (tokens: Tokens) => (await evaluate(tokens)).loss.reduce((sum, each) => sum + each, 0)

  const norm = model.tokenNorms[0]!
  const tokens = [combine([norm / 14, random.normal([4, model.tokenWidths[0]!])])]
  const { gradient } = await evaluate(tokens)
  const cotangent = { hiddenStates: sumRows(gradient.hiddenStates), pooled: sumRows(gradient.pooled!) }
  const [byTokens] = await model.promptGradient(prompt, tokens, cotangent)

  // Along the gradient itself the slope is its length.
  const length = Math.hypot(...byTokens!.data)
  const step = 0.001 * norm
  const moved = (sign: number): [Tensor] => [combine([1, tokens[0]!], [(sign * step) / length, byTokens!])]
  const slope = ((await lossOf(moved(1))) - (await lossOf(moved(-1)))) / (2 * step)
  assert.ok(length > 0 && Math.abs(slope / length - 1) < 0.02, `${slope} instead of ${length}`)
})

test('L_CLIP pulls at zero tokens', async () => {
  const zero = [tensor([4, model.tokenWidths[0]!])]
  const cotangent = createRandom(1).normal([(await model.joint!.embedText('')).data.length])
  const [gradient] = await model.joint!.textGradient('', zero, cotangent)
  assert.ok(Math.hypot(...gradient!.data) > 0)
})
