import type { Flow, GraphBuilder } from './builder.ts'
import { convolution } from './convolution.ts'
import { activate, add, groupNorm, linear, reshape } from './layers.ts'

/** The norms of a UNet or an autoencoder. */
export interface Norms {
  readonly groups: number
  readonly epsilon: number
}

/**
 * Two convolutions beside a shortcut; x: [channels, height, width], time: the timestep's embedding [width], activated.
 */
export function residual(build: GraphBuilder, x: Flow, name: string, { groups, epsilon }: Norms, time?: Flow): Flow {
  const normed = (of: Flow, which: string) =>
    activate(build, groupNorm(build, of, `${name}.${which}`, groups, epsilon), 'silu')
  let inner = convolution(build, normed(x, 'norm1'), `${name}.conv1`)
  if (time) {
    const told = linear(build, time, `${name}.time_emb_proj`)
    inner = add(build, inner, reshape(build, told, [told.dims[0]!, 1, 1]))
  }
  inner = convolution(build, normed(inner, 'norm2'), `${name}.conv2`)
  const isWidened = build.has(`${name}.conv_shortcut.weight`)
  const shortcut = isWidened ? convolution(build, x, `${name}.conv_shortcut`) : x
  if (shortcut.dims.join() !== inner.dims.join()) build.refuse(`lacks the shortcut of ${name}`)
  return add(build, shortcut, inner)
}
