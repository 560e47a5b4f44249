import { attention } from './attention.ts'
import type { Flow, GraphBuilder } from './builder.ts'
import { type Activation, activate, add, layerNorm, linear } from './layers.ts'

/** What CLIP's weights don't reveal. */
export interface ClipConfiguration {
  readonly heads: number
  readonly activation: Activation
  /** The ε of its norms. @default 1e-5 */
  readonly epsilon?: number
}

/** One layer of CLIP's transformers; x: [length, width]. `mask`: added to the scores, [length, length]. */
export function clipLayer(
  build: GraphBuilder,
  x: Flow,
  name: string,
  { heads, activation, epsilon }: ClipConfiguration,
  mask?: string,
): Flow {
  const own = `${name}.self_attn`
  const names = { query: `${own}.q_proj`, key: `${own}.k_proj`, value: `${own}.v_proj`, output: `${own}.out_proj` }
  const seen = attention(build, layerNorm(build, x, `${name}.layer_norm1`, epsilon), names, { heads, mask })
  const first = add(build, x, seen)
  const wide = linear(build, layerNorm(build, first, `${name}.layer_norm2`, epsilon), `${name}.mlp.fc1`)
  return add(build, first, linear(build, activate(build, wide, activation), `${name}.mlp.fc2`))
}
