import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Difference, FileContent, TargetModel } from '../../src/engine/difference.ts'
import { decodeDifference, encodeDifference } from '../../src/engine/difference.ts'
import { decodeSafetensors, encodeSafetensors } from '../../src/tensor/safetensors.ts'
import { tensor } from '../../src/tensor/tensor.ts'

const emoji: TargetModel = { name: 'emoji', hash: 'abc123', tokenWidths: [128] }
const sd15: TargetModel = { name: 'sd15', hash: 'def456', tokenWidths: [768] }
const sdxl: TargetModel = { name: 'sdxl', hash: '789', tokenWidths: [768, 1280] }

const tokens = (count: number, width: number, value = 0.25) =>
  tensor([count, width], new Float32Array(count * width).fill(value))

const learned: Difference = {
  tokens: [tokens(4, 128)],
  origin: {
    version: '0.1.0',
    model: 'emoji',
    modelHash: 'abc123',
    mode: 'fast',
    seed: 4294967295,
    steps: 100,
    strength: -1.5,
    preserve: 0.5,
    isBlended: true,
    name: 'crying',
    fit: -0.25,
    captions: { a: 'a cat', a2: 'a cat → “crying”' },
    loss: [1, 0.5, 1 / 3],
  },
}

describe('a learned difference', () => {
  test('survives the trajectory through a file', () => {
    const bytes = encodeSafetensors(encodeDifference(learned))
    const content = decodeSafetensors(bytes, 'D.safetensors')
    const difference = decodeDifference(content, { name: 'D.safetensors', model: emoji })
    assert.deepEqual(difference, { ...learned, origin: { ...learned.origin, loss: [1, 0.5, 0.3333] } })
  })

  test('without a fit, captions or curve survives too', () => {
    const origin = { ...learned.origin!, fit: undefined, captions: {}, loss: undefined }
    const difference = decodeDifference(encodeDifference({ ...learned, origin }), { name: 'D', model: emoji })
    assert.deepEqual(JSON.stringify(difference.origin), JSON.stringify(origin))
  })

  test('is named as the tools people use expect', () => {
    for (const [widths, names] of [
      [[768], ['emb_params']],
      [[1024], ['emb_params']],
      [[128], ['emb_params']],
      [
        [768, 1280],
        ['clip_l', 'clip_g'],
      ],
      [
        [768, 1280, 4096],
        ['clip_l', 'clip_g', 't5xxl'],
      ],
    ] as const) {
      const { tensors } = encodeDifference({ tokens: widths.map((width) => tokens(2, width)) })
      assert.deepEqual(Object.keys(tensors), names)
    }
    assert.throws(() => encodeDifference({ tokens: [768, 1280, 4096, 1].map((width) => tokens(1, width)) }), RangeError)
  })

  test('keeps a long curve and a long caption short', () => {
    const loss = Array.from({ length: 1000 }, (_, step) => 1 - step / 1e4)
    const captions = { a: 'a'.repeat(5000) }
    const { metadata, tensors } = encodeDifference({ ...learned, origin: { ...learned.origin!, loss, captions } })
    const curve: number[] = JSON.parse(metadata.isto_loss!)
    assert.deepEqual([curve.length, curve[0], curve.at(-1)], [50, 1, 0.9001])
    assert.ok(metadata.isto_loss!.length < 500)
    const difference = decodeDifference({ metadata, tensors }, { name: 'D', model: emoji })
    assert.equal(difference.origin!.captions.a!.length, 1000)
  })

  test('is never written with a value that is not finite', () => {
    assert.throws(() => encodeDifference({ tokens: [tokens(1, 768, NaN)] }), RangeError)
  })
})

describe('a textual inversion made elsewhere', () => {
  for (const [what, tensors, model, dims] of [
    ['of A1111', { emb_params: tokens(10, 768) }, sd15, [[10, 768]]],
    ['of diffusers', { '<cat-toy>': tensor([768]) }, sd15, [[1, 768]]],
    [
      'for SDXL',
      { clip_g: tokens(3, 1280), clip_l: tokens(3, 768) },
      sdxl,
      [
        [3, 768],
        [3, 1280],
      ],
    ],
  ] as const) {
    test(`${what} works`, () => {
      const content: FileContent = { tensors, metadata: { 'modelspec.title': 'cat toy' } }
      const difference = decodeDifference(content, { name: 'D', model })
      assert.deepEqual(
        difference.tokens.map((token) => token.dims),
        dims,
      )
      assert.equal(difference.origin, undefined)
    })
  }
})

describe('a textual inversion for another family', () => {
  const sd21: TargetModel = { name: 'sd-2.1', hash: '1', tokenWidths: [1024] }
  const sd3: TargetModel = { name: 'sd-3', hash: '3', tokenWidths: [768, 1280, 4096] }
  const xl = { clip_l: tokens(2, 768), clip_g: tokens(2, 1280) }
  const both = 'for this model put the tensors of all of them into one file, named `clip_l` and `clip_g`.'
  for (const [what, tensors, model, message] of [
    [
      '2.x on 1.x',
      { emb_params: tokens(2, 1024) },
      sd15,
      'D is for Stable Diffusion 2.x (tokens of width 1024) and does not fit “sd15”, whose tokens are 768 wide: use it with a model of its own family.',
    ],
    [
      '1.x on 2.x',
      { '<cat-toy>': tokens(2, 768) },
      sd21,
      'D is for Stable Diffusion 1.x (tokens of width 768) and does not fit “sd-2.1”, whose tokens are 1024 wide: use it with a model of its own family.',
    ],
    [
      'XL on 1.x',
      xl,
      sd15,
      'D is for SDXL or Stable Diffusion 3 (tokens of width 768 and 1280) and does not fit “sd15”, whose tokens are 768 wide: use it with a model of its own family.',
    ],
    [
      '1.x on a model of no known family',
      { emb_params: tokens(2, 768) },
      emoji,
      'D is for Stable Diffusion 1.x (tokens of width 768) and does not fit “emoji”, whose tokens are 128 wide: use it with a model of its own family.',
    ],
    [
      'Flux on XL',
      { clip_l: tokens(2, 768), t5xxl: tokens(2, 4096) },
      sdxl,
      'D is for Flux (tokens of width 768 and 4096) and does not fit “sdxl”, whose tokens are 768 and 1280 wide: use it with a model of its own family.',
    ],
    [
      'the second file of a pair on XL',
      { '<cat-toy>': tokens(2, 1280) },
      sdxl,
      `D is for one of the text encoders of “sdxl” alone (tokens of width 1280): ${both}`,
    ],
    [
      'the first file of a pair on XL',
      { '<cat-toy>': tokens(2, 768) },
      sdxl,
      `D is for Stable Diffusion 1.x, or for one of the text encoders of “sdxl” alone (tokens of width 768): ${both}`,
    ],
  ] as const) {
    test(what, () => {
      assert.throws(() => decodeDifference({ tensors, metadata: {} }, { name: 'D', model }), {
        name: 'UserError',
        message,
      })
    })
  }

  test('XL on 3 is used, and T5 reads the plain prompt', () => {
    const difference = decodeDifference({ tensors: xl, metadata: {} }, { name: 'D', model: sd3 })
    assert.deepEqual(difference.tokens, [xl.clip_l, xl.clip_g])
  })

  test('Flux, whose second text encoder is T5, has names of its own', () => {
    const flux = { name: 'flux', hash: '0', tokenWidths: [768, 4096], tokenNames: ['clip_l', 't5xxl'] }
    const tensors = { t5xxl: tokens(2, 4096), clip_l: tokens(2, 768) }
    const { tokens: found, ...read } = decodeDifference({ tensors, metadata: {} }, { name: 'D', model: flux })
    assert.deepEqual(found, [tensors.clip_l, tensors.t5xxl])
    assert.deepEqual(Object.keys(encodeDifference({ tokens: found, ...read }).tensors), ['clip_l', 't5xxl'])
    const alone = decodeDifference({ tensors: { clip_l: tensors.clip_l }, metadata: {} }, { name: 'D', model: flux })
    assert.deepEqual(alone.tokens, [tensors.clip_l])
  })

  test('3 on XL is used without what is for T5', () => {
    const tensors = { t5xxl: tokens(5, 4096), clip_g: tokens(2, 1280), clip_l: tokens(2, 768) }
    const difference = decodeDifference({ tensors, metadata: {} }, { name: 'D', model: sdxl })
    assert.deepEqual(difference.tokens, [xl.clip_l, xl.clip_g])
    assert.deepEqual(difference.ignored, ['t5xxl'])
    const { ignored } = decodeDifference({ tensors: xl, metadata: {} }, { name: 'D', model: sdxl })
    assert.equal(ignored, undefined)
  })
})

describe('a difference of another model', () => {
  for (const [what, model, message] of [
    [
      'of another width',
      sd15,
      'D was learned on the model “emoji” and does not fit “sd15”: use it with that model, or learn it again.',
    ],
    [
      'of the same width',
      { ...emoji, name: 'mine', hash: 'x' },
      'D was learned on the model “emoji” and does not fit “mine”: use it with that model, or learn it again.',
    ],
    [
      'of the same name',
      { ...emoji, hash: 'x' },
      'D was learned on another version of the model “emoji”: it has to be learned again.',
    ],
  ] as const) {
    test(what, () => {
      const content = encodeDifference(learned)
      assert.throws(() => decodeDifference(content, { name: 'D', model }), { name: 'OtherModelError', message })
    })
  }
})

describe('what is refused in one sentence', () => {
  const { metadata } = encodeDifference(learned)
  const good = { emb_params: tokens(4, 128) }
  const damaged = (key: string) => `D is damaged: its \`${key}\` is missing or unreadable.`
  const edited = (changes: Record<string, string>) => ({ tensors: good, metadata: { ...metadata, ...changes } })
  for (const [what, content, model, message] of [
    [
      'another width',
      { tensors: good, metadata: {} },
      sdxl,
      'D has tokens of width 128 and does not fit “sdxl”: the model’s are 768 and 1280.',
    ],
    [
      'no tensor',
      { tensors: {}, metadata: {} },
      emoji,
      'D holds 0 tensors, and a difference is one (or SDXL’s clip_l and clip_g).',
    ],
    [
      'two tensors',
      { tensors: { ...good, more: tokens(4, 128) }, metadata },
      emoji,
      'D holds 2 tensors (“emb_params”, “more”), and a difference is one (or SDXL’s clip_l and clip_g).',
    ],
    [
      'a LoRA',
      { tensors: { 'lora_unet_x.lora_up.weight': tokens(1, 4), 'lora_unet_x.alpha': tensor([]) }, metadata: {} },
      emoji,
      'D is a LoRA, which changes a network; only textual inversions can be used here.',
    ],
    [
      'a scalar',
      { tensors: { x: tensor([]) }, metadata: {} },
      emoji,
      'D is not a difference: its tokens have the shape [].',
    ],
    [
      'weights',
      { tensors: { x: tensor([3, 128, 2]) }, metadata: {} },
      emoji,
      'D is not a difference: its tokens have the shape [3, 128, 2].',
    ],
    [
      'a shape without end',
      { tensors: { x: tensor(new Array(2000).fill(1)) }, metadata: {} },
      emoji,
      'D has tokens of width 1 and does not fit “emoji”: the model’s are 128.',
    ],
    [
      'no tokens',
      { tensors: { x: tensor([0, 128]) }, metadata: {} },
      emoji,
      'D is not a difference: its tokens have the shape [0, 128].',
    ],
    [
      'unequal counts',
      { tensors: { clip_l: tokens(2, 768), clip_g: tokens(3, 1280) }, metadata: {} },
      sdxl,
      'D is not a difference: its tokens have the shape [3, 1280].',
    ],
    [
      'too many tokens',
      { tensors: { x: tokens(76, 128) }, metadata: {} },
      emoji,
      'D has 76 tokens, and the limit is 75.',
    ],
    [
      'not a number',
      { tensors: { x: tokens(1, 128, NaN) }, metadata: {} },
      emoji,
      'D is damaged: not all of its values are numbers.',
    ],
    [
      'a newer format',
      edited({ isto_format: '2' }),
      emoji,
      'D was made by a newer version of isto: update this one to use it.',
    ],
    ['a format that is no number', edited({ isto_format: 'x' }), emoji, damaged('isto_format')],
    ['an unknown mode', edited({ isto_mode: 'slow' }), emoji, damaged('isto_mode')],
    ['a strength NaN', edited({ isto_strength: 'NaN' }), emoji, damaged('isto_strength')],
    ['an infinite strength', edited({ isto_strength: 'Infinity' }), emoji, damaged('isto_strength')],
    ['a strength left empty', edited({ isto_strength: '' }), emoji, damaged('isto_strength')],
    ['a strength in hexadecimal', edited({ isto_strength: '0x10' }), emoji, damaged('isto_strength')],
    ['a fit without bounds', edited({ isto_fit: '-Infinity' }), emoji, damaged('isto_fit')],
    ['half a seed', edited({ isto_seed: '1.5' }), emoji, damaged('isto_seed')],
    ['half a step', edited({ isto_steps: '0.5' }), emoji, damaged('isto_steps')],
    ['preserve out of range', edited({ isto_preserve: '1.1' }), emoji, damaged('isto_preserve')],
    ['a caption of a book’s length', edited({ isto_caption_a: 'a'.repeat(1001) }), emoji, damaged('isto_caption_a')],
    ['a curve that is no list', edited({ isto_loss: '{}' }), emoji, damaged('isto_loss')],
    ['a curve below 0', edited({ isto_loss: '[1,-1]' }), emoji, damaged('isto_loss')],
    ['a curve without bounds', edited({ isto_loss: '[1,1e308]' }), emoji, damaged('isto_loss')],
    ['a curve with text', edited({ isto_loss: '["1"]' }), emoji, damaged('isto_loss')],
  ] as const) {
    test(what, () => {
      assert.throws(() => decodeDifference(content, { name: 'D', model }), { name: 'UserError', message })
    })
  }

  test('a model whose name is no name', () => {
    const model = `[click](https://example.com)\n\u202e${'x'.repeat(900)}`
    assert.throws(
      () => decodeDifference(edited({ isto_model: model, isto_model_hash: '' }), { name: 'D', model: emoji }),
      {
        name: 'OtherModelError',
        message: `D was learned on the model “click https example.com ${'x'.repeat(15)}…” and does not fit “emoji”: use it with that model, or learn it again.`,
      },
    )
  })

  test('half of the metadata', () => {
    const { isto_seed: _, ...rest } = metadata
    const content = { tensors: good, metadata: rest }
    assert.throws(() => decodeDifference(content, { name: 'D', model: emoji }), { message: damaged('isto_seed') })
  })
})
