import type { Flow, GraphBuilder } from './builder.ts'
import { linear, reshape, transpose } from './layers.ts'

interface AttentionNames {
  readonly query: string
  readonly key: string
  readonly value: string
  readonly output: string
}

/** The names in diffusers. */
export const attentionNames = (name: string): AttentionNames => ({
  query: `${name}.to_q`,
  key: `${name}.to_k`,
  value: `${name}.to_v`,
  output: `${name}.to_out.0`,
})

interface AttentionOptions {
  readonly heads: number
  /** The context: [length, width]. @default x itself */
  readonly context?: Flow
  /** The name of numbers [length of x, length of the context] that are added to the scores. @default nothing */
  readonly mask?: string
}

/** softmax(q·kᵀ ÷ √d)·v for each head, of x: [length, width]. */
export function attention(
  build: GraphBuilder,
  x: Flow,
  names: AttentionNames,
  { heads, context = x, mask }: AttentionOptions,
): Flow {
  const width = build.tensor(`${names.query}.weight`).dims[0]!
  if (width % heads !== 0) build.refuse(`has ${width} numbers in ${names.query}, which are no ${heads} heads`)
  const queries = linear(build, x, names.query, { scale: (width / heads) ** -0.5 })
  const [keys, values] = [names.key, names.value].map((name) => linear(build, context, name)) as [Flow, Flow]
  return linear(build, mixed(build, { queries, keys, values, heads, mask }), names.output)
}

/** softmax(q·kᵀ + mask)·v; q is already scaled. Each [length, heads · d] or [length, heads, d]. */
export function mixed(build: GraphBuilder, { queries, keys, values, heads, mask }: Mixed): Flow {
  const [length, width] = [queries.dims[0]!, queries.dims.slice(1).reduce((product, dim) => product * dim, 1)]
  const byHead = (x: Flow, permutation: readonly number[]) =>
    transpose(build, reshape(build, x, [x.dims[0]!, heads, width / heads]), permutation)
  const [q, k, v] = [byHead(queries, [1, 0, 2]), byHead(keys, [1, 2, 0]), byHead(values, [1, 0, 2])]
  const product = build.node('MatMul', [q.name, k.name], [heads, length, keys.dims[0]!])
  const scores = mask ? build.node('Add', [product.name, mask], product.dims) : product
  const weights = build.node('Softmax', [scores.name], scores.dims, { axis: -1n })
  const y = build.node('MatMul', [weights.name, v.name], q.dims)
  return reshape(build, transpose(build, y, [1, 0, 2]), [length, width])
}

interface Mixed {
  readonly queries: Flow
  readonly keys: Flow
  readonly values: Flow
  readonly heads: number
  readonly mask?: string
}
