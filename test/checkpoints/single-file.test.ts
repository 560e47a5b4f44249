import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { clipText } from '../../src/architectures/clip-text.ts'
import type { StoredTensor, Tensors } from '../../src/architectures/tensors.ts'
import { unet } from '../../src/architectures/unet.ts'
import { vaeDecoder, vaeEncoder } from '../../src/architectures/vae.ts'
import { takeApart } from '../../src/checkpoints/single-file.ts'

// The names of real single files, at their real sizes, as test/reference/single_files.py writes them and diffusers reads them.

interface Known {
  readonly shapes: Readonly<Record<string, readonly number[]>>
  /** By the original name, diffusers' own. */
  readonly unet: Readonly<Record<string, string>>
  readonly vae: Readonly<Record<string, string>>
}

const packed = readFileSync(join(import.meta.dirname, '../fixtures/checkpoints/names.json.gz'))
const families: Readonly<Record<string, Known>> = JSON.parse(gunzipSync(packed).toString())

/** As many bytes as such tensors have, one behind the other. */
function tensorsOf(shapes: Known['shapes']): Map<string, StoredTensor> {
  let offset = 0
  return new Map(
    Object.entries(shapes).map(([name, dims]) => {
      const length = 2 * dims.reduce((product, dim) => product * dim, 1)
      const data = { file: '/model.safetensors', offset, length }
      offset += length
      return [name, { type: 'float16', dims, data }]
    }),
  )
}

const heads = { sd15: [8, 8, 8, 8], sd21: [5, 10, 20, 20], sdxl: [5, 10, 20] } as const

for (const [family, { shapes, ...known }] of Object.entries(families)) {
  const held = tensorsOf(shapes)
  const parts = takeApart(held)

  test(`${family}: the key map is diffusers', in both directions`, () => {
    for (const [part, prefix] of [
      ['unet', 'model.diffusion_model.'],
      ['vae', 'first_stage_model.'],
    ] as const) {
      const mapped = parts[part]!
      assert.equal(mapped.size, Object.keys(known[part]).length)
      for (const [original, name] of Object.entries(known[part])) {
        assert.equal(mapped.get(name), held.get(prefix + original), name)
      }
    }
  })

  test(`${family}: every network is built of them, and no byte is left over`, () => {
    const sizes = { latentSide: 64, promptLength: 77, groups: 32, epsilon: 1e-5, sizeWaves: 256 }
    const start = performance.now()
    const built = unet(parts.unet!, { ...sizes, heads: heads[family as keyof typeof heads] })
    assert.ok(performance.now() - start < 3000)
    const operators = new Set(built.nodes.map(({ operator }) => operator))
    assert.ok(operators.size <= 22, [...operators].join())
    vaeEncoder(parts.vae!, { side: 512, groups: 32 })
    vaeDecoder(parts.vae!, { side: 64, groups: 32 })
    const encoders = [parts.clip, parts.openClip].filter((each) => each !== undefined)
    assert.equal(encoders.length, family === 'sdxl' ? 2 : 1)
    for (const each of encoders) clipText(each, { heads: each === parts.clip ? 12 : 16, activation: 'gelu' })
    const bytes = [...held.values()].reduce((total, { data }) => total + data.length, 0)
    assert.equal(bytesOf([parts.unet!, parts.vae!, ...encoders]), bytes)
  })
}

const bytesOf = (parts: readonly Tensors[]) =>
  parts.flatMap((part) => [...part.values()]).reduce((total, { data }) => total + data.length, 0)

test('OpenCLIP’s queries, keys and values are three views, its projection is turned, or not where it is called otherwise', () => {
  const { shapes } = families.sdxl!
  const prefix = 'conditioner.embedders.1.model.'
  const held = tensorsOf(shapes)
  const whole = held.get(`${prefix}transformer.resblocks.3.attn.in_proj_weight`)!
  const { openClip } = takeApart(held)
  const views = ['q', 'k', 'v'].map((each) => openClip!.get(`encoder.layers.3.self_attn.${each}_proj.weight`)!)
  assert.deepEqual(
    views.map(({ data }) => data.offset - whole.data.offset),
    [0, 1, 2].map((third) => (third * whole.data.length) / 3),
  )
  assert.deepEqual(
    views.map(({ dims }) => dims),
    Array(3).fill([1280, 1280]),
  )
  assert.equal(openClip!.get('text_projection.weight')!.isTurned, true)
  const other = takeApart(new Map([[`${prefix}text_projection.weight`, held.get(`${prefix}text_projection`)!]]))
  assert.equal(other.openClip!.get('text_projection.weight')!.isTurned, undefined)
})

test('Stable Diffusion 2 has no use for the last of ViT-H’s 24 layers, and no other family loses one', () => {
  const names = [...tensorsOf(families.sd21!.shapes)]
  const prefix = 'cond_stage_model.model.transformer.resblocks.'
  const last = names.flatMap(([name, tensor]) =>
    name.startsWith(`${prefix}22.`) ? [[name.replace(`${prefix}22.`, `${prefix}23.`), tensor] as const] : [],
  )
  assert.ok(last.length > 0)
  const { openClip } = takeApart(new Map([...names, ...last]))
  assert.ok(![...openClip!.keys()].some((name) => name.startsWith('encoder.layers.23.')))
  assert.ok(takeApart(tensorsOf(families.sdxl!.shapes)).openClip!.has('encoder.layers.31.layer_norm1.weight'))
})

test('what kohya’s and ComfyUI’s converters add is left out, and nothing else', () => {
  const first = 'conditioner.embedders.0.transformer.text_model.'
  const second = 'conditioner.embedders.1.model.'
  const ofXl = tensorsOf(families.sdxl!.shapes)
  const added = tensorsOf({
    [`${first}embeddings.position_ids`]: [1, 77],
    [`${second}logit_scale`]: [1],
    [`${second}transformer.text_model.embeddings.position_ids`]: [1, 77],
    'denoiser.sigmas': [1000],
  })
  const [plain, more] = [takeApart(ofXl), takeApart(new Map([...ofXl, ...added]))]
  assert.deepEqual(more.openClip, plain.openClip)
  assert.deepEqual(more.unet, plain.unet)
  clipText(more.clip!, { heads: 12, activation: 'quick_gelu' })
  // Of Stable Diffusion 2: what its text encoder has no use for is made up.
  const of2 = tensorsOf(families.sd21!.shapes)
  const made = tensorsOf({
    'cond_stage_model.model.text_projection': [1024, 1024],
    'cond_stage_model.model.logit_scale': [1],
  })
  assert.deepEqual(takeApart(new Map([...of2, ...made])).openClip, takeApart(of2).openClip)
})

test('moving averages and schedules are left out', () => {
  const held = tensorsOf({ 'model_ema.decay': [1], alphas_cumprod: [1000], 'first_stage_model.loss.logvar': [1] })
  assert.ok(Object.values(takeApart(held)).every((part) => part === undefined))
})
