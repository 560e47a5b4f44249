import type { Graph } from '../onnx/graph.ts'
import { GraphBuilder } from './builder.ts'
import { type ClipConfiguration, clipLayer } from './clip-layers.ts'
import { convolution } from './convolution.ts'
import { layerNorm, linear, reshape, transpose } from './layers.ts'
import { type Tensors, viewed } from './tensors.ts'

export interface ClipVisionConfiguration extends ClipConfiguration {
  /** The side of a picture in pixels. */
  readonly side: number
}

/**
 * CLIP's image encoder with its projection: `pixel_values` [n, 3, side, side] → `image_embeds` [n, width].
 * @throws UserError if the tensors don't belong to such an encoder
 */
export function clipVision(
  tensors: Tensors,
  configuration: ClipVisionConfiguration,
  type: 'float32' | 'float16' = 'float32',
): Graph {
  const build = new GraphBuilder('The image encoder', withoutPrefix(tensors), type)
  const { side, epsilon } = configuration
  const patches = build.tensor('embeddings.patch_embedding.weight')
  const [width, colours, patch] = patches.dims as [number, number, number]
  const pixels = build.input('pixel_values', [colours, side, side])
  const seen = convolution(build, pixels, 'embeddings.patch_embedding', { stride: patch, pads: [0, 0, 0, 0] })
  const count = seen.dims[1]! * seen.dims[2]!
  const tokens = transpose(build, reshape(build, seen, [width, count]), [1, 0])
  // The class token comes before the patches: a row of zeros to which its embedding is added.
  const positions = viewed(
    build.tensor('embeddings.position_embedding.weight'),
    [count + 1, width],
    'position_embedding',
  )
  const own = viewed(build.tensor('embeddings.class_embedding'), [1, width], 'class_embedding')
  const padded = build.node('Pad', [tokens.name, build.integers([0, 1, 0, 0, 0, 0])], [count + 1, width])
  const placed = build.node('Add', [padded.name, build.weight('position_embedding', positions)], padded.dims)
  const below = build.node('Pad', [build.weight('class_embedding', own), build.integers([0, 0, count, 0])], [])
  const first = build.node('Add', [placed.name, below.name], placed.dims)
  let x = layerNorm(build, first, 'pre_layrnorm', epsilon)
  for (let layer = 0; layer < build.count('encoder.layers'); layer++) {
    x = clipLayer(build, x, `encoder.layers.${layer}`, configuration)
  }
  const bounds = [0, 1, 1].map((each) => build.integers([each]))
  const ofClass = build.node('Slice', [x.name, ...bounds], [1, width])
  const pooled = layerNorm(build, reshape(build, ofClass, [width]), 'post_layernorm', epsilon)
  build.output('image_embeds', linear(build, pooled, 'visual_projection'))
  return build.graph()
}

/** transformers puts `vision_model.` before most names, or leaves it out, depending on its version. */
function withoutPrefix(tensors: Tensors): Tensors {
  return new Map([...tensors].map(([name, tensor]) => [name.replace(/^vision_model\./, ''), tensor]))
}
