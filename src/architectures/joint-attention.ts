import { mixed } from './attention.ts'
import type { Flow, GraphBuilder } from './builder.ts'
import { concatenate, linear, multiply, reshape, rmsNorm, slice } from './layers.ts'

/** A sequence with projections of its own. */
interface Stream {
  /** [length, width] */
  readonly x: Flow
  readonly query: string
  readonly key: string
  readonly value: string
  /** The norms of queries and keys, if there are such weights. */
  readonly norms: readonly [query: string, key: string]
}

/** The picture's in diffusers, and those of a sequence that attends only to itself. */
export const ownStream = (x: Flow, name: string): Stream => ({
  x,
  query: `${name}.to_q`,
  key: `${name}.to_k`,
  value: `${name}.to_v`,
  norms: [`${name}.norm_q`, `${name}.norm_k`],
})

/** The prompt's, beside it. */
export const addedStream = (x: Flow, name: string): Stream => ({
  x,
  query: `${name}.add_q_proj`,
  key: `${name}.add_k_proj`,
  value: `${name}.add_v_proj`,
  norms: [`${name}.norm_added_q`, `${name}.norm_added_k`],
})

interface JointOptions {
  readonly heads: number
  /** Turns queries and keys, [length, heads, d], by their places. @default not at all */
  readonly rotate?: (x: Flow) => Flow
}

/** All of several sequences attend to all. @returns for each of them [length, width], not yet projected */
export function jointAttention(build: GraphBuilder, streams: readonly Stream[], options: JointOptions): Flow[] {
  const { heads, rotate = (x) => x } = options
  const each = streams.map((stream) => projected(build, stream, heads))
  const joined = (parts: readonly Flow[]) => (parts.length === 1 ? parts[0]! : concatenate(build, parts, 0))
  const queries = rotate(joined(each.map(({ queries }) => queries)))
  const keys = rotate(joined(each.map(({ keys }) => keys)))
  const values = joined(each.map(({ values }) => values))
  const seen = mixed(build, { queries: multiply(build, queries, queries.dims[2]! ** -0.5), keys, values, heads })
  if (streams.length === 1) return [seen]
  let from = 0
  return streams.map(({ x }) => {
    const to = from + x.dims[0]!
    const part = slice(build, seen, 0, [from, to])
    from = to
    return part
  })
}

/** Each [length, heads, d]. */
function projected(build: GraphBuilder, { x, query, key, value, norms }: Stream, heads: number) {
  const [queries, keys, values] = [query, key, value].map((name) => {
    const flat = linear(build, x, name)
    const width = flat.dims[1]!
    if (width % heads !== 0) build.refuse(`has ${width} numbers in ${name}, which are no ${heads} heads`)
    return reshape(build, flat, [x.dims[0]!, heads, width / heads])
  }) as [Flow, Flow, Flow]
  const normed = (of: Flow, norm: string) => (build.has(`${norm}.weight`) ? rmsNorm(build, of, norm) : of)
  return { queries: normed(queries, norms[0]), keys: normed(keys, norms[1]), values }
}
