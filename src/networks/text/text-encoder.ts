import { openForward } from '../../compute/differentiable.ts'
import type { Hardware } from '../../compute/hardware.ts'
import type { Conditioning } from '../../diffusion/model.ts'
import { UserError } from '../../errors.ts'
import type { Graph } from '../../onnx/graph.ts'
import { type Tensor, tensor } from '../../tensor/tensor.ts'
import { openTextNetwork, type TextNetwork } from './text-network.ts'
import type { Tokenizer } from './tokenizer.ts'

/** One of a model's text encoders. The tokens here are only its own, [tokens, width]. */
export interface TextEncoder extends Omit<TextNetwork, 'run' | 'gradient'> {
  /** Whether it has a projection into CLIP's joint space. */
  readonly hasPooled: boolean
  encode(prompt: string, tokens?: Tensor): Promise<Encoding>
  /** Several prompts without difference tokens in one run: [n, width], the joint space. */
  embed(prompts: readonly string[]): Promise<Tensor>
  /** The gradient with respect to the tokens of Σ cotangent · encoding; an absent cotangent counts as zero. */
  gradient(prompt: string, tokens: Tensor, cotangent: Partial<Encoding>): Promise<Tensor>
}

/** n = 1; `pooled` is CLIP's projected embedding, not normalised. */
type Encoding = Conditioning

export async function openTextEncoder(options: {
  /** Returns `last_hidden_state`, `text_embeds` if it has a projection, and perhaps `hidden_states.N`. */
  readonly graph: Graph
  /** Its name in messages. */
  readonly name: string
  readonly tokenizer: Tokenizer
  /** The states that condition the network: the last layer's, normalized, or as in SDXL those of the layer before. */
  readonly layer: 'last' | 'penultimate'
  readonly cacheFolder?: string
  readonly hardware?: Hardware
}): Promise<TextEncoder> {
  const { name, graph } = options
  const { outputs: given } = graph
  const states = options.layer === 'last' ? 'last_hidden_state' : penultimateOf(given, name)
  const hasPooled = given.includes('text_embeds')
  const outputs = hasPooled ? [states, 'text_embeds'] : [states]
  const network = await openTextNetwork({ ...options, outputs })
  return {
    ...network,
    hasPooled,
    encode: async (prompt, tokens) => {
      const found = await network.run([prompt], tokens)
      return { hiddenStates: found[states]!, pooled: found.text_embeds }
    },
    embed: async (prompts) => (await network.run(prompts)).text_embeds!,
    gradient: (prompt, tokens, { hiddenStates, pooled }) =>
      network.gradient(prompt, tokens, { [states]: hiddenStates, text_embeds: pooled }),
  }
}

export interface ImageEncoder {
  /** pixels [3, side, side] in −1…1 → [width], the joint space, not normalised */
  embed(pixels: Tensor): Promise<Tensor>
  close(): Promise<void>
}

/**
 * @param prepare Turns the pixels into what the network takes, [1, 3, height, width]. @default the pixels themselves
 */
export async function openImageEncoder(
  graph: Graph,
  hardware?: Hardware,
  prepare?: (pixels: Tensor) => Tensor,
): Promise<ImageEncoder> {
  const network = await openForward({ graph, name: 'image_encoder', hardware })
  return {
    embed: async (pixels) => {
      const pixelValues = prepare?.(pixels) ?? tensor([1, ...pixels.dims], pixels.data)
      const { image_embeds } = await network.run({ pixel_values: pixelValues })
      return tensor([image_embeds!.dims[1]!], image_embeds!.data)
    },
    close: () => network.close(),
  }
}

/** `hidden_states.0` are the embeddings; the last one is what becomes `last_hidden_state`. */
function penultimateOf(outputs: readonly string[], name: string): string {
  const layers = outputs.flatMap((name) => /^hidden_states\.(\d+)$/.exec(name)?.[1] ?? []).map(Number)
  const found = layers.sort((a, b) => a - b).at(-2)
  if (found !== undefined) return `hidden_states.${found}`
  throw new UserError(`${name} does not return its hidden states, which SDXL needs: export it as optimum does.`)
}
