import { join } from 'node:path'
import type { Conditioning, Tokens } from '../engine/networks.ts'
import { UserError } from '../errors.ts'
import { median } from '../tensor/math.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'
import { openDifferentiable, openForward } from './differentiable.ts'
import type { Tokenizer } from './tokenizer.ts'

export interface TextEncoder {
  readonly tokenWidth: number
  /** Median length of the embeddings of `words`. */
  tokenNorm(words: readonly string[]): number
  /** [tokens, width], at most `most` */
  wordEmbeddings(text: string, most: number): Tensor
  encode(prompt: string, tokens?: Tokens): Promise<Encoding>
  /** Several prompts without difference tokens in one run: [n, width], the joint space. */
  embed(prompts: readonly string[]): Promise<Tensor>
  /** The gradient by the tokens of Σ cotangent · encoding. */
  gradient(prompt: string, tokens: Tokens, cotangent: Encoding): Promise<Tokens>
  close(): Promise<void>
}

/** n = 1; `pooled` is CLIP's projected embedding, not normalised. */
export interface Encoding extends Conditioning {
  readonly pooled: Tensor
}

/** Reads `text_encoder/` with `last_hidden_state` and `text_embeds`. Tokens go behind a comma after the prompt, before the end token. */
export async function openTextEncoder(options: {
  readonly folder: string
  readonly tokenizer: Tokenizer
  readonly cacheFolder?: string
  readonly threads?: number
}): Promise<TextEncoder> {
  const { folder, tokenizer, cacheFolder, threads } = options
  const length = tokenizer.maxLength
  const path = join(folder, 'text_encoder', 'model.onnx')
  const width = await tokenWidthOf(path)
  const network = await openDifferentiable({
    path,
    inputDims: { input_ids: [1, length], token_embeddings: [1, length, width] },
    by: ['token_embeddings'],
    loss: { kind: 'cotangent', outputs: ['last_hidden_state', 'text_embeds'] },
    cutTokenEmbeddings: true,
    cacheFolder,
    threads,
  })
  const table = network.tokenEmbeddingTable()
  const rows = new Map<number, Float32Array>()
  const row = (id: number) => {
    const known = rows.get(id) ?? table.row(id)
    rows.set(id, known)
    return known
  }
  const feedsOf = (layouts: readonly Layout[], tokens: Tokens = []) => {
    const embeddings = new Float32Array(layouts.length * length * width)
    for (const [n, { ids, start }] of layouts.entries()) {
      for (const [place, id] of ids.entries()) embeddings.set(row(id), (n * length + place) * width)
      if (tokens[0]) embeddings.set(tokens[0].data, (n * length + start) * width)
    }
    return {
      input_ids: { dims: [layouts.length, length], data: Int32Array.from(layouts.flatMap(({ ids }) => ids)) },
      token_embeddings: tensor([layouts.length, length, width], embeddings),
    }
  }
  return {
    tokenWidth: width,
    tokenNorm: (words) => median(words.flatMap((word) => tokenizer.encode(word)).map((id) => Math.hypot(...row(id)))),
    wordEmbeddings: (text, most) => {
      const ids = tokenizer.encode(text).slice(0, most)
      return tensor([ids.length, width], Float32Array.from(ids.flatMap((id) => [...row(id)])))
    },
    encode: async (prompt, tokens) => {
      const outputs = await network.run(feedsOf([layoutOf(tokenizer, prompt, countOf(tokens))], tokens))
      return { hiddenStates: outputs.last_hidden_state!, pooled: outputs.text_embeds! }
    },
    embed: async (prompts) =>
      (await network.run(feedsOf(prompts.map((prompt) => layoutOf(tokenizer, prompt, 0))))).text_embeds!,
    gradient: async (prompt, tokens, { hiddenStates, pooled }) => {
      const count = countOf(tokens)
      const layout = layoutOf(tokenizer, prompt, count)
      const { gradients } = await network.runWithGradient({
        ...feedsOf([layout], tokens),
        'cotangent:last_hidden_state': hiddenStates,
        'cotangent:text_embeds': pooled,
      })
      const { data } = gradients.token_embeddings!
      return [tensor([count, width], data.slice(layout.start * width, (layout.start + count) * width))]
    },
    close: () => network.close(),
  }
}

export interface ImageEncoder {
  /** pixels [3, side, side] in −1…1 → [width], the joint space, not normalised */
  embed(pixels: Tensor): Promise<Tensor>
  close(): Promise<void>
}

export async function openImageEncoder(folder: string, threads?: number): Promise<ImageEncoder> {
  const network = await openForward(join(folder, 'image_encoder', 'model.onnx'), threads)
  return {
    embed: async (pixels) => {
      const { image_embeds } = await network.run({ pixel_values: tensor([1, ...pixels.dims], pixels.data) })
      return tensor([image_embeds!.dims[1]!], image_embeds!.data)
    },
    close: () => network.close(),
  }
}

interface Layout {
  readonly ids: readonly number[]
  /** Where the difference tokens begin. */
  readonly start: number
}

/** begin, prompt, comma, `count` places, end, padding. Without tokens no comma; without a prompt neither. A long prompt is cut. */
function layoutOf({ encode, bos, eos, pad, maxLength }: Tokenizer, prompt: string, count: number): Layout {
  const comma = encode(',')
  if (count > maxLength / 2) {
    throw new UserError(`The difference has ${count} tokens; this model’s prompts have room for ${maxLength / 2}.`)
  }
  const separator = count > 0 && prompt !== '' ? comma : []
  const words = encode(prompt).slice(0, maxLength - 2 - count - separator.length)
  const lead = [bos, ...words, ...separator]
  const ids = [...lead, ...Array<number>(count).fill(comma[0]!), eos]
  return { ids: [...ids, ...Array<number>(maxLength - ids.length).fill(pad)], start: lead.length }
}

const countOf = (tokens: Tokens | undefined) => tokens?.[0]?.dims[0] ?? 0

async function tokenWidthOf(path: string): Promise<number> {
  const probe = await openDifferentiable({
    path,
    inputDims: {},
    by: [],
    loss: { kind: 'cotangent', outputs: [] },
    cutTokenEmbeddings: true,
  })
  return probe.tokenEmbeddingTable().dims[1]
}
