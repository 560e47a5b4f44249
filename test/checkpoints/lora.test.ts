import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { flux } from '../../src/architectures/flux.ts'
import { mmdit } from '../../src/architectures/mmdit.ts'
import type { StoredTensor, Tensors } from '../../src/architectures/tensors.ts'
import { unet } from '../../src/architectures/unet.ts'
import { readLora, withLoras } from '../../src/checkpoints/lora.ts'
import { readSafetensorsIndex } from '../../src/checkpoints/safetensors.ts'
import { UserError } from '../../src/errors.ts'
import { readRange } from '../../src/onnx/proto.ts'
import { encodeSafetensors } from '../../src/tensor/safetensors.ts'
import { sizeOf, type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { errorsOf, random, tensorsOf } from '../architectures/built-case.ts'

const folder = await mkdtemp(join(tmpdir(), 'isto-lora-'))
after(() => rm(folder, { recursive: true }))

async function written(name: string, tensors: Readonly<Record<string, Tensor>>, metadata = {}): Promise<string> {
  const path = join(folder, `${name}.safetensors`)
  await writeFile(path, encodeSafetensors({ tensors, metadata }))
  return path
}

const RANK = 2
const configuration = { latentSide: 8, promptLength: 77, heads: [2, 2], groups: 4, epsilon: 1e-5, sizeWaves: 8 }
const base = tensorsOf('sd15', 'unet')
const feeds = {
  sample: random.normal([1, 4, 8, 8]),
  timestep: tensor([1], Float32Array.of(601)),
  encoder_hidden_states: random.normal([1, 77, 16]),
}

const block = 'down_blocks.1.attentions.0.transformer_blocks.0'
/** Of every kind: attention, GEGLU in two halves, a convolution, and projections of one place. */
const changed = [
  `${block}.attn1.to_q`,
  `${block}.attn2.to_k`,
  `${block}.attn2.to_out.0`,
  `${block}.ff.net.0.proj`,
  'down_blocks.1.attentions.0.proj_in',
  'down_blocks.1.resnets.0.conv1',
  'down_blocks.0.downsamplers.0.conv',
]

interface Change {
  readonly down: Tensor
  readonly up: Tensor
}
const changes = new Map(
  changed.map((name): [string, Change] => {
    const { dims } = base.get(`${name}.weight`)!
    const inner = [dims[1]!, ...dims.slice(2)]
    const small = ({ dims: own, data }: Tensor) =>
      tensor(
        own,
        data.map((value) => value / 4),
      )
    return [
      name,
      {
        down: small(random.normal([RANK, ...inner])),
        up: small(random.normal([dims[0]!, RANK, ...dims.slice(2).map(() => 1)])),
      },
    ]
  }),
)

/** W + scale · up · down, written out. */
async function merged(scale: number): Promise<Tensors> {
  const tensors: Record<string, Tensor> = {}
  for (const [name, { down, up }] of changes) {
    const { dims, data } = base.get(`${name}.weight`)!
    const sum = tensor(dims, new Float32Array(readRange(data).buffer).slice())
    const columns = sizeOf(dims) / dims[0]!
    for (let row = 0; row < dims[0]!; row++) {
      for (let column = 0; column < columns; column++) {
        for (let rank = 0; rank < RANK; rank++) {
          sum.data[row * columns + column]! += scale * up.data[row * RANK + rank]! * down.data[rank * columns + column]!
        }
      }
    }
    tensors[`${name}.weight`] = sum
  }
  const { tensors: found } = readSafetensorsIndex(await written('merged', tensors))
  return new Map([...base, ...found])
}

const kohya = (name: string) => `lora_unet_${name.replaceAll('.', '_')}`
const original: Readonly<Record<string, string>> = {
  [`${block}.attn1.to_q`]: 'lora_unet_input_blocks_3_1_transformer_blocks_0_attn1_to_q',
  'down_blocks.1.resnets.0.conv1': 'lora_unet_input_blocks_3_0_in_layers_2',
  'down_blocks.0.downsamplers.0.conv': 'lora_unet_input_blocks_2_0_op',
}

const forms: Readonly<Record<string, (name: string, change: Change) => Record<string, Tensor>>> = {
  'kohya’s names': (name, { down, up }) => ({
    [`${kohya(name)}.lora_down.weight`]: down,
    [`${kohya(name)}.lora_up.weight`]: up,
    [`${kohya(name)}.alpha`]: tensor([], Float32Array.of(1)),
  }),
  'kohya’s names of SDXL': (name, { down, up }) => ({
    [`${original[name] ?? kohya(name)}.lora_down.weight`]: down,
    [`${original[name] ?? kohya(name)}.lora_up.weight`]: up,
    [`${original[name] ?? kohya(name)}.alpha`]: tensor([], Float32Array.of(1)),
  }),
  'diffusers’ names': (name, { down, up }) => ({
    [`unet.${name}.lora_A.weight`]: down,
    [`unet.${name}.lora_B.weight`]: up,
  }),
}

for (const [form, names] of Object.entries(forms)) {
  test(`${form}: the same numbers as of merged weights`, async () => {
    const tensors = Object.assign({}, ...[...changes].map(([name, change]) => names(name, change)))
    const lora = readLora(await written('lora', tensors), 0.8)
    const scale = form.startsWith('kohya') ? 0.8 / RANK : 0.8
    const built = unet(withLoras(base, 'unet', [lora]), configuration)
    const { out_sample: error } = await errorsOf(built, unet(await merged(scale), configuration), feeds)
    assert.ok(error! < 1e-6, `${error}`)
    const { out_sample: difference } = await errorsOf(built, unet(base, configuration), feeds)
    assert.ok(difference! > 1e-2, `${difference}`)
  })
}

test('several add up', async () => {
  const half = Object.assign({}, ...[...changes].map(([name, change]) => forms['diffusers’ names']!(name, change)))
  const path = await written('half', half)
  const built = unet(withLoras(base, 'unet', [readLora(path, 0.5), readLora(path, 0.25)]), configuration)
  const { out_sample: error } = await errorsOf(built, unet(await merged(0.75), configuration), feeds)
  assert.ok(error! < 1e-6, `${error}`)
})

test('a transformer’s, under diffusers’ names', async () => {
  const name = 'transformer_blocks.0.attn.add_k_proj'
  const transformer = tensorsOf('sd3', 'transformer')
  const [down, up] = [random.normal([RANK, 16]), random.normal([16, RANK])]
  const path = await written('transformer', {
    [`transformer.${name}.lora_A.weight`]: down,
    [`transformer.${name}.lora_B.weight`]: up,
  })
  const adapted = withLoras(transformer, 'unet', [readLora(path, 1)])
  assert.equal(adapted.get(`${name}.weight`)!.additions!.length, 1)
  const { nodes } = mmdit(adapted, { latentSide: 8, promptLength: 333, heads: 2 })
  assert.ok(nodes.some(({ inputs }) => inputs.includes(`${name}.lora.0.up`)))
})

test('a transformer’s, under its original names: of queries, keys and values in one, and of what is beside them', async () => {
  const transformer = tensorsOf('flux', 'transformer')
  const change = (rows: number, columns: number) => {
    return { down: random.normal([RANK, columns]), up: random.normal([rows, RANK]) }
  }
  const [joined, first, one] = [change(48, 16), change(112, 16), change(16, 16)]
  const named = (name: string, { down, up }: Change) => ({
    [`${name}.lora_down.weight`]: down,
    [`${name}.lora_up.weight`]: up,
  })
  const original = await written('original', {
    ...named('lora_unet_double_blocks_0_txt_attn_qkv', joined),
    ...named('lora_unet_single_blocks_0_linear1', first),
    ...named('lora_unet_double_blocks_0_img_attn_proj', one),
  })
  const part = ({ down, up: { data } }: Change, from: number, to: number): Change => {
    return { down, up: tensor([to - from, RANK], data.slice(from * RANK, to * RANK)) }
  }
  const own = (name: string, { down, up }: Change) => ({
    [`transformer.${name}.lora_A.weight`]: down,
    [`transformer.${name}.lora_B.weight`]: up,
  })
  const thirds = (name: string, of: Change, names: readonly string[]) =>
    Object.assign({}, ...names.map((each, index) => own(`${name}.${each}`, part(of, 16 * index, 16 * index + 16))))
  const renamed = await written('renamed', {
    ...thirds('transformer_blocks.0.attn', joined, ['add_q_proj', 'add_k_proj', 'add_v_proj']),
    ...thirds('single_transformer_blocks.0.attn', first, ['to_q', 'to_k', 'to_v']),
    ...own('single_transformer_blocks.0.proj_mlp', part(first, 48, 112)),
    ...own('transformer_blocks.0.attn.to_out.0', one),
  })
  const sizes = { latentSide: 8, promptLength: 512, heads: 2, axes: [4, 2, 2] }
  const inputs = {
    hidden_states: random.normal([1, 16, 64]),
    encoder_hidden_states: random.normal([1, 512, 48]),
    pooled_projections: random.normal([1, 16]),
    timestep: tensor([1], Float32Array.of(0.6)),
    guidance: tensor([1], Float32Array.of(3.5)),
  }
  const built = (path: string) => flux(withLoras(transformer, 'unet', [readLora(path, 0.1)]), sizes)
  const { out_hidden_states: error } = await errorsOf(built(original), built(renamed), inputs)
  assert.ok(error! < 1e-6, `${error}`)
  const { out_hidden_states: difference } = await errorsOf(built(original), flux(transformer, sizes), inputs)
  assert.ok(difference! > 1e-2, `${difference}`)
  const ofSd3 = readLora(await written('sd3', named('lora_unet_joint_blocks_0_x_block_attn2_qkv', change(48, 16))), 1)
  const adapted = withLoras(tensorsOf('sd3', 'transformer'), 'unet', [ofSd3])
  for (const each of ['q', 'k', 'v']) {
    assert.deepEqual(adapted.get(`transformer_blocks.0.attn2.to_${each}.weight`)!.additions![0]!.up.dims, [16, RANK])
  }
})

test('a transformer’s modulations stand the other way round in their original form, where they are the last', async () => {
  const transformer = tensorsOf('sd3', 'transformer')
  const swapped = ({ dims: [rows = 0, rank = 0], data }: Tensor) =>
    tensor([rows, rank], Float32Array.from([...data.slice(data.length / 2), ...data.slice(0, data.length / 2)]))
  const [first, last, out, words] = [96, 32, 32, 16].map((rows) => ({
    down: random.normal([RANK, rows === 16 ? 48 : 16]),
    up: random.normal([rows, RANK]),
  })) as [Change, Change, Change, Change]
  const path = await written('original', {
    'lora_unet_joint_blocks_0_context_block_adaLN_modulation_1.lora_down.weight': first.down,
    'lora_unet_joint_blocks_0_context_block_adaLN_modulation_1.lora_up.weight': first.up,
    'lora_unet_joint_blocks_1_context_block_adaLN_modulation_1.lora_down.weight': last.down,
    'lora_unet_joint_blocks_1_context_block_adaLN_modulation_1.lora_up.weight': last.up,
    'lora_unet_final_layer_adaLN_modulation_1.lora_down.weight': out.down,
    'lora_unet_final_layer_adaLN_modulation_1.lora_up.weight': out.up,
    'lora_unet_context_embedder.lora_down.weight': words.down,
    'lora_unet_context_embedder.lora_up.weight': words.up,
  })
  const renamed = await written('renamed', {
    'transformer.transformer_blocks.0.norm1_context.linear.lora_A.weight': first.down,
    'transformer.transformer_blocks.0.norm1_context.linear.lora_B.weight': first.up,
    'transformer.transformer_blocks.1.norm1_context.linear.lora_A.weight': last.down,
    'transformer.transformer_blocks.1.norm1_context.linear.lora_B.weight': swapped(last.up),
    'lora_transformer_norm_out_linear.lora_down.weight': out.down,
    'lora_transformer_norm_out_linear.lora_up.weight': swapped(out.up),
    'transformer.context_embedder.lora_A.weight': words.down,
    'transformer.context_embedder.lora_B.weight': words.up,
  })
  const inputs = {
    hidden_states: random.normal([1, 16, 8, 8]),
    encoder_hidden_states: random.normal([1, 20, 48]),
    pooled_projections: random.normal([1, transformer.get('time_text_embed.text_embedder.linear_1.weight')!.dims[1]!]),
    timestep: tensor([1], Float32Array.of(601)),
  }
  const sizes = { latentSide: 8, promptLength: 20, heads: 2 }
  const built = (path: string) => mmdit(withLoras(transformer, 'unet', [readLora(path, 0.1)]), sizes)
  const { out_hidden_states: error } = await errorsOf(built(path), built(renamed), inputs)
  assert.ok(error! < 1e-6, `${error}`)
  const { out_hidden_states: difference } = await errorsOf(built(path), mmdit(transformer, sizes), inputs)
  assert.ok(difference! > 1e-2, `${difference}`)
})

test('of other kinds, of other models, and cut ones are refused with a sentence', async () => {
  const [down, up] = [tensor([2, 16]), tensor([16, 2])]
  const refused = async (tensors: Record<string, Tensor>, expected: RegExp) => {
    const path = await written('other', tensors)
    assert.throws(
      () => unet(withLoras(base, 'unet', [readLora(path, 1)]), configuration),
      (error) => error instanceof UserError && expected.test(error.message),
    )
  }
  const name = kohya(`${block}.attn1.to_q`)
  await refused({ [`${name}.hada_w1_a`]: down }, /is a LoHa, which is not supported: get a plain LoRA/)
  await refused({ [`${name}.lokr_w1`]: down }, /is a LoKr/)
  await refused({ [`${name}.dora_scale`]: down }, /is a DoRA/)
  await refused({ 'model.weight': down }, /is no LoRA that is known here/)
  await refused({ [`${name}.lora_down.weight`]: down }, /is not whole/)
  await refused(
    { 'lora_unet_double_blocks_0.lora_down.weight': down, 'lora_unet_double_blocks_0.lora_up.weight': up },
    /does not have: it is for a model of another kind/,
  )
  await refused(
    { [`${name}.lora_down.weight`]: tensor([2, 9]), [`${name}.lora_up.weight`]: up },
    /is given a LoRA of other sizes/,
  )
  await refused(
    { [`${name}.lora_down.weight`]: down, [`${name}.lora_up.weight`]: tensor([16, 3]) },
    /is given a LoRA of other sizes/,
  )
  await refused({}, /holds nothing/)
})

test('diffusers says alpha in the metadata', async () => {
  const names = ['transformer.x_embedder', 'transformer.proj_out', 'text_encoder.text_model.final_layer_norm']
  const pieces = Object.fromEntries(
    names.flatMap((name) => [
      [`${name}.lora_A.weight`, tensor([4, 16])],
      [`${name}.lora_B.weight`, tensor([16, 4])],
    ]),
  )
  const scales = async (adapter: string) => {
    const { parts } = readLora(await written('alpha', pieces, { lora_adapter_metadata: adapter }), 0.5)
    return [...parts.values()].flatMap((layers) => [...layers.values()].map(({ scale }) => scale))
  }
  const adapter = { 'transformer.lora_alpha': 1, 'transformer.alpha_pattern': { proj_out: 2 } }
  assert.deepEqual(await scales(JSON.stringify(adapter)), [0.125, 0.25, 0.5])
  assert.deepEqual(await scales(JSON.stringify({ ...adapter, 'transformer.use_rslora': true })), [0.25, 0.5, 0.5])
  for (const damaged of ['', 'null', '[', '{"transformer.lora_alpha": "x", "transformer.alpha_pattern": 3}'])
    assert.deepEqual(await scales(damaged), [0.5, 0.5, 0.5])
})

test('text encoders have their own names', async () => {
  const [down, up] = [tensor([2, 16]), tensor([16, 2])]
  const layer = 'text_model_encoder_layers_1_self_attn_q_proj'
  const path = await written('text', {
    [`lora_te_${layer}.lora_down.weight`]: down,
    [`lora_te_${layer}.lora_up.weight`]: up,
    'text_encoder_2.text_model.encoder.layers.0.self_attn.k_proj.lora_A.weight': down,
    'text_encoder_2.text_model.encoder.layers.0.self_attn.k_proj.lora_B.weight': up,
    'lora_te3_encoder_block_0_layer_0_SelfAttention_q.lora_down.weight': down,
    'lora_te3_encoder_block_0_layer_0_SelfAttention_q.lora_up.weight': up,
  })
  const lora = readLora(path, 1)
  assert.deepEqual([...lora.parts.keys()].sort(), ['text_encoder', 'text_encoder_2', 'text_encoder_3'])
  const text = tensorsOf('sd15', 'text_encoder')
  const adapted = withLoras(text, 'text_encoder', [lora])
  const names = [...adapted].flatMap(([name, { additions }]: [string, StoredTensor]) => (additions ? [name] : []))
  assert.equal(names.length, 1)
  assert.match(names[0]!, /encoder\.layers\.1\.self_attn\.q_proj\.weight$/)
})
