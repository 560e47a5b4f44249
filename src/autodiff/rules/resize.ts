import { type Call, text, Unsupported } from '../rule.ts'

/**
 * The whole factors by which a Resize repeats each axis.
 * @throws Unsupported if it does anything but repeat every element equally often
 */
export function nearestScales(call: Call): number[] {
  const { x, y } = call
  const mode = text(call, 'mode', 'nearest')
  if (mode !== 'nearest') throw new Unsupported(`its mode is ${mode}; only nearest is supported`)
  const given = call.inputs[2] && call.constant(2)
  return x.dims.map((size, axis) => {
    const scale = y.dims[axis]! / size
    const exact = given && given.length > 0 ? given[axis]! : scale
    const repeats = Array.from({ length: y.dims[axis]! }, (_, index) =>
      sourceOf(call, index, exact, size, y.dims[axis]!),
    )
    if (Number.isInteger(scale) && repeats.every((source, index) => source === Math.floor(index / scale))) return scale
    throw new Unsupported(`it does not repeat each element equally often on axis ${axis} (${size} to ${y.dims[axis]})`)
  })
}

/** The input element that an output element is a copy of. */
function sourceOf(call: Call, index: number, scale: number, inputSize: number, outputSize: number): number {
  const position = positions[text(call, 'coordinate_transformation_mode', 'half_pixel')]
  const round = roundings[text(call, 'nearest_mode', 'round_prefer_floor')]
  if (!position || !round) throw new Unsupported('its coordinate mode is not supported')
  return Math.min(Math.max(round(position(index, scale, inputSize, outputSize)), 0), inputSize - 1)
}

const positions: Record<string, (index: number, scale: number, inputSize: number, outputSize: number) => number> = {
  asymmetric: (index, scale) => index / scale,
  half_pixel: (index, scale) => (index + 0.5) / scale - 0.5,
  pytorch_half_pixel: (index, scale, _, outputSize) => (outputSize > 1 ? (index + 0.5) / scale - 0.5 : 0),
  align_corners: (index, _, inputSize, outputSize) =>
    outputSize > 1 ? (index * (inputSize - 1)) / (outputSize - 1) : 0,
}

const roundings: Record<string, (position: number) => number> = {
  floor: Math.floor,
  ceil: Math.ceil,
  round_prefer_floor: (position) => Math.ceil(position - 0.5),
  round_prefer_ceil: (position) => Math.floor(position + 0.5),
}
