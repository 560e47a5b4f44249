import { openDifferentiable } from '../../compute/differentiable.ts'
import type { Hardware } from '../../compute/hardware.ts'
import { UserError } from '../../errors.ts'
import { cutTokenEmbeddings } from '../../onnx/cut-token-embeddings.ts'
import type { Graph } from '../../onnx/graph.ts'
import { median } from '../../tensor/math.ts'
import { type Tensor, tensor } from '../../tensor/tensor.ts'
import type { Tokenizer } from './tokenizer.ts'

/** A text transformer, CLIP or T5. It reads prompts with difference tokens [tokens, width]. */
export interface TextNetwork {
  /** The length of every prompt, in tokens. */
  readonly length: number
  readonly tokenWidth: number
  /** The median length of the embeddings of `words`. @default of a thousand tokens from all over the vocabulary */
  tokenNorm(words?: readonly string[]): number
  /** [tokens, width], at most `most` */
  wordEmbeddings(text: string, most: number): Tensor
  /** The tokens stand after the prompt and a comma, before the end token. Each output has a row for every prompt. */
  run(prompts: readonly string[], tokens?: Tensor): Promise<Record<string, Tensor>>
  /** The gradient with respect to the tokens of Σ cotangent · output, n = 1; an absent cotangent counts as zero. */
  gradient(prompt: string, tokens: Tensor, cotangents: Readonly<Record<string, Tensor | undefined>>): Promise<Tensor>
  close(): Promise<void>
}

interface TextNetworkOptions {
  readonly graph: Graph
  /** Its name in messages. */
  readonly name: string
  readonly tokenizer: Tokenizer
  /** The outputs that are used. */
  readonly outputs: readonly string[]
  readonly cacheFolder?: string
  readonly hardware?: Hardware
}

export async function openTextNetwork(options: TextNetworkOptions): Promise<TextNetwork> {
  const { graph, tokenizer, outputs } = options
  const { maxLength: length } = tokenizer
  const width = cutTokenEmbeddings(graph).table.dims[1]!
  const network = await openDifferentiable({
    ...options,
    inputDims: { input_ids: [1, length], token_embeddings: [1, length, width] },
    by: ['token_embeddings'],
    loss: { kind: 'cotangent', outputs },
    cutTokenEmbeddings: true,
  })
  const table = network.tokenEmbeddingTable()
  const row = remembered(table.row)
  const words = wordsIn(tokenizer, table.dims, row)
  const feedsOf = (prompts: readonly string[], tokens?: Tensor) =>
    feeds(
      prompts.map((prompt) => layoutOf(tokenizer, prompt, countOf(tokens))),
      { length, width, row, tokens },
    )
  const run: TextNetwork['run'] = (prompts, tokens) => network.run(feedsOf(prompts, tokens))
  let shapes: Promise<Record<string, Tensor>> | undefined
  return {
    length,
    tokenWidth: width,
    ...words,
    run,
    gradient: async (prompt, tokens, cotangents) => {
      const count = countOf(tokens)
      const { start } = layoutOf(tokenizer, prompt, count)
      shapes ??= run([''])
      const known = await shapes
      const { gradients } = await network.runWithGradient({
        ...feedsOf([prompt], tokens),
        ...Object.fromEntries(
          outputs.map((name) => [`cotangent:${name}`, cotangents[name] ?? tensor(known[name]!.dims)]),
        ),
      })
      const { data } = gradients.token_embeddings!
      return tensor([count, width], data.slice(start * width, (start + count) * width))
    },
    close: () => network.close(),
  }
}

type Row = (id: number) => Float32Array

function remembered(row: Row): Row {
  const known = new Map<number, Float32Array>()
  return (id) => {
    const found = known.get(id) ?? row(id)
    known.set(id, found)
    return found
  }
}

/** What is asked of the table of token embeddings itself. */
function wordsIn(
  { encode }: Tokenizer,
  [count, width]: readonly [number, number],
  row: Row,
): Pick<TextNetwork, 'tokenNorm' | 'wordEmbeddings'> {
  const everyToken = () =>
    Array.from({ length: Math.min(count, 1000) }, (_, index) => Math.floor((index * count) / 1000))
  return {
    tokenNorm: (words) => {
      const ids = words ? words.flatMap((word) => encode(word)) : everyToken()
      return median(ids.map((id) => Math.hypot(...row(id))))
    },
    wordEmbeddings: (text, most) => {
      const ids = encode(text).slice(0, most)
      return tensor([ids.length, width], Float32Array.from(ids.flatMap((id) => [...row(id)])))
    },
  }
}

interface Feeding {
  readonly length: number
  readonly width: number
  readonly row: Row
  readonly tokens?: Tensor
}

function feeds(layouts: readonly Layout[], { length, width, row, tokens }: Feeding) {
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

interface Layout {
  readonly ids: readonly number[]
  /** The position of the first difference token. */
  readonly start: number
}

/**
 * The beginning if there is such a token, prompt, comma, `count` positions, end, padding. Without tokens or without a prompt
 * there is no comma. A long prompt is cut.
 */
function layoutOf({ encode, bos, comma, eos, pad, maxLength }: Tokenizer, prompt: string, count: number): Layout {
  const beginning = bos === undefined ? [] : [bos]
  const most = maxLength - beginning.length - 1
  const room = most - count
  if (room < 0) {
    throw new UserError('The difference has {count} tokens; this model’s prompts have room for {most}.', {
      count,
      most,
    })
  }
  const separator = count > 0 && prompt !== '' && room > comma.length ? comma : []
  const words = count > 0 && separator.length === 0 ? [] : encode(prompt).slice(0, room - separator.length)
  const lead = [...beginning, ...words, ...separator]
  const ids = [...lead, ...Array<number>(count).fill(comma[0]!), eos]
  return { ids: [...ids, ...Array<number>(maxLength - ids.length).fill(pad)], start: lead.length }
}

const countOf = (tokens: Tensor | undefined) => tokens?.dims[0] ?? 0
