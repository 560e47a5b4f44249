import type { Conditioning, DiffusionModel, JointSpace } from '../../src/diffusion/model.ts'
import { readScheduleConfig, schedule } from '../../src/diffusion/schedule.ts'
import { combine, concatenate } from '../../src/tensor/math.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'

/** Latents are 4 numbers, and so is a token; the prompt adds its length to the first. */
const DIMS = [4, 1, 1] as const
const promptVector = (prompt: string, tokens: readonly Tensor[] = []) => {
  const vector = tensor([1, 1, 4], Float32Array.of(prompt.length / 10, 0, 0, 0))
  const token = tokens[0] ? tensor([1, 1, 4], tokens[0].data.slice(0, 4)) : tensor([1, 1, 4])
  return combine([1, vector], [1, token])
}

const promptTokens = (text: string) => tensor([1, 4], promptVector(text).data)

/**
 * A model whose prompt says what the picture is: x₀ = the prompt's vector + D, so that every gradient can be worked out by
 * hand. It predicts ε = (x_t − √α̅·x₀) / √(1−α̅).
 */
export function fakeNetworks(): DiffusionModel & { readonly joint: JointSpace } {
  const steps = schedule(
    readScheduleConfig({
      beta_schedule: 'scaled_linear',
      beta_start: 0.00085,
      beta_end: 0.012,
      timestep_spacing: 'trailing',
    }),
  )
  const { level } = steps
  const predict = (latents: Tensor, timesteps: readonly number[], { hiddenStates }: Conditioning) => {
    const output = tensor(latents.dims)
    for (const index of output.data.keys()) {
      const { signal, sigma } = level(timesteps[index >> 2]!)
      output.data[index] = (latents.data[index]! - signal * hiddenStates.data[index]!) / sigma
    }
    return output
  }
  const encode = async (prompt: string, tokens?: readonly Tensor[]) => ({ hiddenStates: promptVector(prompt, tokens) })
  const embedText = async (prompt: string, tokens?: readonly Tensor[]) =>
    tensor(
      [4],
      promptVector(prompt, tokens).data.map((value) => value + 0.1),
    )
  return {
    name: 'fake',
    hash: 'fake',
    schedule: steps,
    side: 2,
    latentDims: DIMS,
    tokenWidths: [4],
    tokenNorms: [1],
    learningBatch: 4,
    encodePicture: async (pixels) => tensor([1, ...DIMS], pixels.data.slice(0, 4)),
    decodeLatents: async (latents) =>
      tensor([3, 2, 2], Float32Array.from([...latents.data, ...latents.data, ...latents.data])),
    caption: async () => ({ thing: 'a', full: 'a', attributes: [] }),
    embedWords: (text) => [promptTokens(text)],
    encodePrompt: encode,
    promptGradient: async (_prompt, tokens, { hiddenStates }) => [tensor(tokens[0]!.dims, hiddenStates.data)],
    joint: {
      embedText,
      embedTexts: async (prompts) =>
        concatenate(
          (await Promise.all(prompts.map((each) => embedText(each)))).map(({ data }) => tensor([1, 4], data)),
        ),
      textGradient: async (_prompt, tokens, cotangent) => [tensor(tokens[0]!.dims, cotangent.data)],
      embedPicture: async (pixels) => tensor([4], pixels.data.slice(0, 4)),
    },
    denoise: async ({ latents, timesteps, conditioning }) => predict(latents, timesteps, conditioning),
    denoisingGradient: async ({ latents, timesteps, conditioning, target, weight }) => {
      const output = predict(latents, timesteps, conditioning)
      const loss = timesteps.map(() => 0)
      const gradient = tensor(conditioning.hiddenStates.dims)
      for (const index of output.data.keys()) {
        const error = output.data[index]! - target.data[index]!
        const { signal, sigma } = level(timesteps[index >> 2]!)
        loss[index >> 2]! += weight.data[index]! * error * error
        gradient.data[index] = (-2 * weight.data[index]! * error * signal) / sigma
      }
      return { loss, gradient: { hiddenStates: gradient } }
    },
    close: async () => {},
  }
}

export const vector = (...values: number[]): Tensor => tensor([1, ...DIMS], Float32Array.from(values))
