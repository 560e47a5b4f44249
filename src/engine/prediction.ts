import type { DiffusionModel } from '../diffusion/model.ts'
import type { Schedule } from '../diffusion/schedule.ts'
import { combine, meanSquare } from '../tensor/math.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'
import type { RunContext } from './run-context.ts'

type Prediction = Schedule['config']['predictionType']

/**
 * What a network really predicts: it sees a known picture under known noise, three times as strong as the picture, and
 * its output is held against ε, v and the flow. A trained one's squared error to ε is below a hundredth there if it
 * predicts ε; to v it is about a quarter, and half as large as to ε, if it predicts v.
 *
 * @returns `undefined` if it agrees with none of them, as random weights do
 */
export async function predictionOf(
  model: DiffusionModel,
  { random }: Pick<RunContext, 'random'>,
): Promise<Prediction | undefined> {
  const { schedule, latentDims } = model
  const original = await model.encodePicture(plainPicture(model.side))
  const noise = random.fork('prediction').normal([1, ...latentDims])
  const timestep = timestepWith(schedule, SIGNAL)
  const { signal, sigma } = schedule.level(timestep)
  const latents = schedule.addNoise(original, noise, timestep)
  const conditioning = await model.encodePrompt('')
  const output = await model.denoise({ latents, timesteps: [timestep], conditioning })
  const error = (wanted: Tensor) => meanSquare(output, wanted) / meanSquare(wanted, tensor(wanted.dims))
  if (schedule.config.predictionType === 'flow') {
    return error(combine([1, noise], [-1, original])) < LARGEST.v ? 'flow' : undefined
  }
  const [ofEpsilon, ofV] = [error(noise), error(combine([signal, noise], [-sigma, original]))]
  if (ofEpsilon < LARGEST.epsilon) return 'epsilon'
  return ofV < LARGEST.v && ofV < 0.7 * ofEpsilon ? 'v_prediction' : undefined
}

/** The share of the picture in what the network sees. */
const SIGNAL = 0.3
/** Of squared errors, relative to what is wanted. */
const LARGEST = { epsilon: 0.15, v: 0.5 }

/** The timestep whose signal is nearest to a share; it falls with the timestep. */
function timestepWith({ ddimTimesteps, level }: DiffusionModel['schedule'], share: number): number {
  return ddimTimesteps(50).reduce((best, each) =>
    Math.abs(level(each).signal - share) < Math.abs(level(best).signal - share) ? each : best,
  )
}

/** A yellow disc on blue: something that any model has seen the like of. [3, side, side] in −1…1. */
function plainPicture(side: number): Tensor {
  const inside = (at: number) => Math.hypot((at % side) - side / 2, Math.floor(at / side) - side / 2) < side / 3
  const colours = { disc: [0.9, 0.7, -0.6], ground: [-0.6, -0.1, 0.6] }
  const area = side * side
  const data = Float32Array.from({ length: 3 * area }, (_, at) => {
    return colours[inside(at % area) ? 'disc' : 'ground'][Math.floor(at / area)]!
  })
  return tensor([3, side, side], data)
}
