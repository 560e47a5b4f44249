import type { Attribute } from '../onnx/graph.ts'
import type { Flow, GraphBuilder } from './builder.ts'
import { add, multiply } from './layers.ts'
import { type LowRank, type StoredTensor, viewed } from './tensors.ts'

interface ConvolutionOptions {
  /** @default 1 */
  readonly stride?: number
  /** Zeros at the top, left, bottom and right. @default half the kernel */
  readonly pads?: readonly [number, number, number, number]
}

/** x: [channels, height, width] */
export function convolution(build: GraphBuilder, x: Flow, name: string, options: ConvolutionOptions = {}): Flow {
  const weight = build.tensor(`${name}.weight`)
  const [output = 0, input, ...kernel] = weight.dims
  if (kernel.length !== 2 || input !== x.dims[0]) {
    build.refuse(`has [${weight.dims}] in ${name} where ${x.dims[0]} channels come in`)
  }
  const { dims, attributes } = formOf(x, kernel, options)
  const inputs = [x.name, build.weight(`${name}.weight`, weight)]
  if (build.has(`${name}.bias`)) {
    inputs.push(build.weight(`${name}.bias`, viewed(build.tensor(`${name}.bias`), [output], `${name}.bias`)))
  }
  const y = build.node('Conv', inputs, [output, ...dims], attributes)
  return (weight.additions ?? []).reduce((sum, addition, index) => {
    const added = lowRank(build, x, `${name}.lora.${index}`, addition, options)
    if (added.dims.join() !== y.dims.join()) build.refuse(`is given a LoRA of other sizes in ${name}`)
    return add(build, sum, multiply(build, added, addition.scale))
  }, y)
}

/** up · (middle ·) down · x, where one of them has the convolution's size and strides. */
function lowRank(
  build: GraphBuilder,
  x: Flow,
  name: string,
  { down, up, middle }: LowRank,
  options: ConvolutionOptions,
) {
  const each = (input: Flow, which: string, tensor: StoredTensor, own: ConvolutionOptions) => {
    const [rows = 0, columns = 0, ...kernel] = tensor.dims
    const weight = kernel.length === 2 ? tensor : viewed(tensor, [rows, columns, 1, 1], `${name}.${which}`)
    if (columns !== input.dims[0]) build.refuse(`is given a LoRA of other sizes in ${name}`)
    const { dims, attributes } = formOf(input, weight.dims.slice(2), own)
    return build.node('Conv', [input.name, build.weight(`${name}.${which}`, weight)], [rows, ...dims], attributes)
  }
  const first = each(x, 'down', down, middle ? {} : options)
  return each(middle ? each(first, 'middle', middle, options) : first, 'up', up, {})
}

/** Height and width of the output, and the operator's attributes. */
function formOf({ dims: [, height = 0, width = 0] }: Flow, kernel: readonly number[], options: ConvolutionOptions) {
  const [rows = 1, columns = 1] = kernel
  const { stride = 1, pads = [rows >> 1, columns >> 1, rows >> 1, columns >> 1] } = options
  const [top, left, bottom, right] = pads as [number, number, number, number]
  const attributes: Record<string, Attribute> = {
    kernel_shape: [rows, columns].map(BigInt),
    strides: [stride, stride].map(BigInt),
    pads: pads.map(BigInt),
  }
  const dims = [height + top + bottom - rows, width + left + right - columns]
  return { dims: dims.map((each) => Math.floor(each / stride) + 1), attributes }
}
