import { join } from 'node:path'
import type { Conditioning } from '../engine/networks.ts'
import { UserError } from '../errors.ts'
import { cutTokenEmbeddings } from '../onnx/cut.ts'
import { readModel } from '../onnx/proto.ts'
import { median } from '../tensor/math.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'
import { openDifferentiable, openForward } from './differentiable.ts'
import type { Tokenizer } from './tokenizer.ts'

/** One of a model's text encoders; tokens here are its own alone, [tokens, width]. */
export interface TextEncoder {
  readonly tokenWidth: number
  /** Whether it has a projection into CLIP's joint space. */
  readonly hasPooled: boolean
  /** Median length of the embeddings of `words`. @default of a thousand tokens all over the vocabulary */
  tokenNorm(words?: readonly string[]): number
  /** [tokens, width], at most `most` */
  wordEmbeddings(text: string, most: number): Tensor
  encode(prompt: string, tokens?: Tensor): Promise<Encoding>
  /** Several prompts without difference tokens in one run: [n, width], the joint space. */
  embed(prompts: readonly string[]): Promise<Tensor>
  /** The gradient by the tokens of Σ cotangent · encoding; what is left out counts as zero. */
  gradient(prompt: string, tokens: Tensor, cotangent: Partial<Encoding>): Promise<Tensor>
  close(): Promise<void>
}

/** n = 1; `pooled` is CLIP's projected embedding, not normalised. */
export type Encoding = Conditioning

/** Tokens go behind a comma after the prompt, before the end token. */
export async function openTextEncoder(options: {
  /** Its `.onnx` file: gives `last_hidden_state`, `text_embeds` where it has a projection, and perhaps `hidden_states.N`. */
  readonly path: string
  readonly tokenizer: Tokenizer
  /** The states that condition the network: the last layer's, normed, or as in SDXL those of the layer before. */
  readonly layer: 'last' | 'penultimate'
  readonly cacheFolder?: string
  readonly threads?: number
}): Promise<TextEncoder> {
  const { path, tokenizer, cacheFolder, threads } = options
  const length = tokenizer.maxLength
  const { width, outputs } = formOf(path)
  const states = options.layer === 'last' ? 'last_hidden_state' : penultimateOf(outputs, path)
  const hasPooled = outputs.includes('text_embeds')
  const used = hasPooled ? [states, 'text_embeds'] : [states]
  const network = await openDifferentiable({
    path,
    inputDims: { input_ids: [1, length], token_embeddings: [1, length, width] },
    by: ['token_embeddings'],
    loss: { kind: 'cotangent', outputs: used },
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
  const feedsOf = (layouts: readonly Layout[], tokens?: Tensor) => {
    const embeddings = new Float32Array(layouts.length * length * width)
    for (const [n, { ids, start }] of layouts.entries()) {
      for (const [place, id] of ids.entries()) embeddings.set(row(id), (n * length + place) * width)
      if (tokens) embeddings.set(tokens.data, (n * length + start) * width)
    }
    return {
      input_ids: { dims: [layouts.length, length], data: Int32Array.from(layouts.flatMap(({ ids }) => ids)) },
      token_embeddings: tensor([layouts.length, length, width], embeddings),
    }
  }
  const encode = async (prompt: string, tokens?: Tensor): Promise<Encoding> => {
    const found = await network.run(feedsOf([layoutOf(tokenizer, prompt, countOf(tokens))], tokens))
    return { hiddenStates: found[states]!, pooled: found.text_embeds }
  }
  const everyToken = () => {
    const [count] = table.dims
    return Array.from({ length: Math.min(count, 1000) }, (_, index) => Math.floor((index * count) / 1000))
  }
  let encodedEmpty: Promise<Encoding> | undefined
  const shapes = () => {
    encodedEmpty ??= encode('')
    return encodedEmpty
  }
  return {
    tokenWidth: width,
    hasPooled,
    tokenNorm: (words) => {
      const ids = words ? words.flatMap((word) => tokenizer.encode(word)) : everyToken()
      return median(ids.map((id) => Math.hypot(...row(id))))
    },
    wordEmbeddings: (text, most) => {
      const ids = tokenizer.encode(text).slice(0, most)
      return tensor([ids.length, width], Float32Array.from(ids.flatMap((id) => [...row(id)])))
    },
    encode,
    embed: async (prompts) =>
      (await network.run(feedsOf(prompts.map((prompt) => layoutOf(tokenizer, prompt, 0))))).text_embeds!,
    gradient: async (prompt, tokens, cotangent) => {
      const count = countOf(tokens)
      const layout = layoutOf(tokenizer, prompt, count)
      const { hiddenStates, pooled } = await shapes()
      const { gradients } = await network.runWithGradient({
        ...feedsOf([layout], tokens),
        [`cotangent:${states}`]: cotangent.hiddenStates ?? tensor(hiddenStates.dims),
        ...(hasPooled && { 'cotangent:text_embeds': cotangent.pooled ?? tensor(pooled!.dims) }),
      })
      const { data } = gradients.token_embeddings!
      return tensor([count, width], data.slice(layout.start * width, (layout.start + count) * width))
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

const countOf = (tokens: Tensor | undefined) => tokens?.dims[0] ?? 0

function formOf(path: string): { readonly width: number; readonly outputs: readonly string[] } {
  const { graph, table } = cutTokenEmbeddings(readModel(path))
  return { width: table.dims[1]!, outputs: graph.outputs }
}

/** `hidden_states.0` are the embeddings, the last ones those that become `last_hidden_state`. */
function penultimateOf(outputs: readonly string[], path: string): string {
  const layers = outputs.flatMap((name) => /^hidden_states\.(\d+)$/.exec(name)?.[1] ?? []).map(Number)
  const found = layers.sort((a, b) => a - b).at(-2)
  if (found !== undefined) return `hidden_states.${found}`
  throw new UserError(`${path} does not give its hidden states, which SDXL needs: export it as optimum does.`)
}
