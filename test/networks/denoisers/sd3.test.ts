import assert from 'node:assert/strict'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Conditioning, DiffusionModel, Tokens } from '../../../src/diffusion/model.ts'
import { repeatConditioning } from '../../../src/diffusion/sampler.ts'
import { readScheduleConfig, schedule } from '../../../src/diffusion/schedule.ts'
import { learnDifference } from '../../../src/engine/analogy.ts'
import { applyDifferences } from '../../../src/engine/apply.ts'
import { decodeDifference, encodeDifference } from '../../../src/engine/difference.ts'
import { type Example, learn } from '../../../src/engine/learn.ts'
import { methods } from '../../../src/engine/modes.ts'
import { readLayout } from '../../../src/networks/layout.ts'
import { loadModel } from '../../../src/networks/load.ts'
import { graphOf, node } from '../../../src/onnx/graph.ts'
import { encodeGraph } from '../../../src/onnx/proto.ts'
import { concatenate, rows } from '../../../src/tensor/math.ts'
import { createRandom } from '../../../src/tensor/random.ts'
import { decodeSafetensors, encodeSafetensors } from '../../../src/tensor/safetensors.ts'
import { type Tensor, tensor } from '../../../src/tensor/tensor.ts'

// What is Stable Diffusion 3's alone; its numbers are held against diffusers in pipelines.test.ts.

const fixture = join(import.meta.dirname, '../../fixtures/pipelines/sd3')
const load = async (folder: string): Promise<DiffusionModel> =>
  loadModel({
    layout: await readLayout({ path: folder, loras: [] }),
    learningBatch: 4,
    readSchedule: (config) => schedule(readScheduleConfig(config)),
  })
const picture = (seed: number) => {
  const { dims, data } = createRandom(seed).normal([3, 16, 16])
  return tensor(dims, data.map(Math.tanh))
}

describe('with Stable Diffusion 3', () => {
  let networks: DiffusionModel
  before(async () => {
    networks = await load(fixture)
  })
  after(() => networks?.close())

  test('every text encoder reads tokens of its own, and T5 the plain prompt if there are none for it', async () => {
    const tokens = networks.tokenWidths.map((width) => createRandom(1).normal([2, width]))
    const asked = [undefined, tokens.slice(0, 2), tokens]
    const [plain, ofClipAlone, all] = await Promise.all(asked.map((each) => networks.encodePrompt('a cat', each)))
    assert.deepEqual(plain!.hiddenStates.dims, [1, 77 + 256, 48])
    const rowsOf = ({ hiddenStates }: Conditioning, from: number, to: number) =>
      hiddenStates.data.subarray(from * 48, to * 48)
    assert.notDeepEqual(rowsOf(plain!, 0, 77), rowsOf(ofClipAlone!, 0, 77))
    assert.deepEqual(rowsOf(plain!, 77, 333), rowsOf(ofClipAlone!, 77, 333))
    assert.deepEqual(rowsOf(ofClipAlone!, 0, 77), rowsOf(all!, 0, 77))
    assert.notDeepEqual(rowsOf(ofClipAlone!, 77, 333), rowsOf(all!, 77, 333))
    assert.notDeepEqual(plain!.pooled!.data.subarray(0, 12), all!.pooled!.data.subarray(0, 12))
    assert.notDeepEqual(plain!.pooled!.data.subarray(12), all!.pooled!.data.subarray(12))
  })

  test('what is learned denoises noise that it was not learned from', async () => {
    const { schedule, latentDims } = networks
    const latents = await Promise.all([1, 2].map((seed) => networks.encodePicture(picture(seed))))
    const example: Example = {
      before: latents[0]!,
      after: latents[1]!,
      promptBefore: 'a cat',
      promptAfter: 'a dog',
    }
    const random = createRandom(7)
    const timesteps = [0.2, 0.4, 0.6, 0.8].map(schedule.timestepAt)
    const noises = timesteps.map(() => random.normal([1, ...latentDims]))
    const lossOf = async (tokens: Tokens) => {
      const each = (what: 'addNoise' | 'target') =>
        concatenate(timesteps.map((timestep, index) => schedule[what](example.after, noises[index]!, timestep)))
      const target = each('target')
      const { loss } = await networks.denoisingGradient({
        latents: each('addNoise'),
        timesteps,
        target,
        conditioning: repeatConditioning(await networks.encodePrompt('a cat', tokens), timesteps.length),
        weight: tensor(target.dims, new Float32Array(target.data.length).fill(1 / target.data.length)),
      })
      return loss.reduce((sum, value) => sum + value, 0)
    }
    const options = { ...methods.fast, steps: 24, tokens: 3, learningRate: { from: 0.2, to: 0.02 } }
    const { tokens } = await learn(networks, [example], undefined, options, { random: createRandom(3) })
    const [first, last] = [await lossOf(tokens.map(({ dims }) => tensor(dims))), await lossOf(tokens)]
    assert.ok(last < 0.98 * first, `from ${first} to ${last}`)
  })

  test('a difference is learned, written, read and applied', async () => {
    const pairs = [{ a: picture(1), a2: picture(2) }]
    const handles = { random: createRandom(3) }
    const learned = await learnDifference(
      networks,
      pairs,
      methods.fast,
      { steps: 2, strength: 1, preserve: 0.5 },
      handles,
    )
    const bytes = encodeSafetensors(encodeDifference({ tokens: learned.tokens }))
    assert.deepEqual(Object.keys(decodeSafetensors(bytes, 'D').tensors), ['clip_l', 'clip_g', 't5xxl'])
    const content = decodeSafetensors(bytes, 'D')
    const { tokens } = decodeDifference(content, { name: 'D', model: networks })
    const { t5xxl: _, ...ofClip } = content.tensors
    assert.equal(decodeDifference({ ...content, tensors: ofClip }, { name: 'D', model: networks }).tokens.length, 2)
    const applied = [{ tokens, strength: 1 }]
    const how = { preserve: 0.5, isBlended: false }
    const { pixels } = await applyDifferences(networks, picture(4), applied, methods.fast, how, handles)
    assert.deepEqual(pixels.dims, [3, 16, 16])
    assert.ok(pixels.data.every(Number.isFinite))
  })
})

describe('a folder like Stable Diffusion 3’s', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'isto-sd3-'))
    await cp(fixture, folder, { recursive: true })
  })
  after(() => rm(folder, { recursive: true }))

  test('does without T5', async () => {
    const whole = await load(fixture)
    for (const part of ['text_encoder_3', 'tokenizer_3']) await rm(join(folder, part), { recursive: true })
    const part = await load(folder)
    const [{ hiddenStates: known }, { hiddenStates }] = [
      await whole.encodePrompt('a cat'),
      await part.encodePrompt('a cat'),
    ]
    await Promise.all([whole.close(), part.close()])
    const byRow = (value: Tensor, from: number, to: number) => rows(tensor([333, 48], value.data), from, to).data
    assert.deepEqual(hiddenStates.dims, known.dims)
    assert.deepEqual(byRow(hiddenStates, 0, 77), byRow(known, 0, 77))
    assert.ok(byRow(hiddenStates, 77, 333).every((value) => value === 0))
  })

  test('whose prompts T5 alone reads, as PixArt’s, is refused with a sentence', async () => {
    const inputs = ['hidden_states', 'encoder_hidden_states', 'encoder_attention_mask']
    const graph = graphOf({
      inputs: inputs.map((name) => ({ name, type: 'float32', dims: [1, 16, 8, 8] })),
      nodes: [node('Identity', ['hidden_states'], ['sample'])],
      outputs: ['sample'],
    })
    await writeFile(join(folder, 'transformer', 'model.onnx'), encodeGraph(graph))
    await assert.rejects(load(folder), { name: 'UserError', message: /only through T5.*XL, 3/ })
  })
})
