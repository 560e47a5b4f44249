import type { Flow, GraphBuilder } from './builder.ts'
import { type LowRank, rowsOf, type StoredTensor, viewed } from './tensors.ts'

/** y = scale · (x·Wᵀ + bias); x: [in] or [length, in]. Without a bias if the checkpoint has none. */
export function linear(build: GraphBuilder, x: Flow, name: string, { scale = 1, rows }: LinearOptions = {}): Flow {
  const whole = build.tensor(`${name}.weight`)
  const suffix = rows ? `[${rows}]` : ''
  const matrix = matrixOf(rows ? rowsOf(whole, ...rows) : whole, `${name}.weight`)
  const bias = build.has(`${name}.bias`) ? build.tensor(`${name}.bias`) : undefined
  const [output, input] = (matrix.isTurned ? matrix.dims.toReversed() : matrix.dims) as [number, number]
  const own = bias && (rows ? rowsOf(bias, ...rows) : bias)
  if (x.dims.at(-1) !== input || (own && own.dims[0] !== output)) {
    build.refuse(`has [${matrix.dims}] in ${name} where ${x.dims.at(-1)} numbers come in`)
  }
  const flat = asRows(build, x)
  const inputs = [flat, build.weight(`${name}.weight${suffix}`, matrix)]
  if (own) inputs.push(build.weight(`${name}.bias${suffix}`, viewed(own, [output], `${name}.bias`)))
  const attributes = { transB: BigInt(!matrix.isTurned), alpha: scale, beta: scale }
  let y = build.node('Gemm', inputs, [output], attributes)
  for (const [index, own] of (matrix.additions ?? []).entries()) {
    y = lowRank(build, { flat, y, own, scale, matrix, name, as: [`.lora.${index}.down`, `.lora.${index}.up${suffix}`] })
  }
  return x.dims.length === 1 ? y : reshape(build, { ...y, dims: [] }, [...x.dims.slice(0, -1), output])
}

interface Addition {
  readonly flat: string
  /** [out], to which it is added. */
  readonly y: Flow
  readonly own: LowRank
  readonly scale: number
  readonly matrix: StoredTensor
  /** The layer's, and what its two matrices are called behind it. */
  readonly name: string
  readonly as: readonly [down: string, up: string]
}

/** y + scale · (x·downᵀ)·upᵀ */
function lowRank(build: GraphBuilder, { flat, y, own, scale, matrix, name, as }: Addition): Flow {
  const [down, up] = [own.down, own.up].map((each) => matrixOf(each, name)) as [StoredTensor, StoredTensor]
  const [output, input] = (matrix.isTurned ? matrix.dims.toReversed() : matrix.dims) as [number, number]
  if (down.dims[1] !== input || up.dims[0] !== output || down.dims[0] !== up.dims[1]) {
    build.refuse(`is given a LoRA of other sizes in ${name}`)
  }
  const between = build.node('Gemm', [flat, build.weight(name + as[0], down)], [down.dims[0]!], { transB: 1n })
  const added = (rows: StoredTensor, suffix = '', to?: Flow) =>
    build.node(
      'Gemm',
      [between.name, build.weight(name + as[1] + suffix, rows), ...(to ? [to.name] : [])],
      [rows.dims[0]!],
      { transB: 1n, alpha: scale * own.scale, beta: 1 },
    )
  if (Boolean(up.isSwapped) === Boolean(matrix.isSwapped)) return added(up, '', y)
  const half = output / 2
  const halves = [added(rowsOf(up, half, output), '[second]'), added(rowsOf(up, 0, half), '[first]')]
  return add(build, y, concatenate(build, halves, 0))
}

interface LinearOptions {
  /** @default 1 */
  readonly scale?: number
  /** Only some of its outputs: from (inclusive) to (exclusive). */
  readonly rows?: readonly [number, number]
}

/** A convolution with a 1 × 1 kernel is a matrix. */
function matrixOf(tensor: StoredTensor, name: string): StoredTensor {
  const [rows = 0, columns = 0] = tensor.dims
  return tensor.dims.length === 2 ? tensor : viewed(tensor, [rows, columns], name)
}

const asRows = (build: GraphBuilder, x: Flow): string =>
  x.dims.length === 1 ? x.name : build.node('Reshape', [x.name, build.integers([-1, x.dims.at(-1)!])], []).name

/** Two layers with GELU's approximation in between. */
export function feedForward(build: GraphBuilder, x: Flow, name: string): Flow {
  return linear(build, activate(build, linear(build, x, `${name}.net.0.proj`), 'gelu_tanh'), `${name}.net.2`)
}

/** x: [channels, height, width] */
export function groupNorm(build: GraphBuilder, x: Flow, name: string, groups: number, epsilon: number): Flow {
  const channels = x.dims[0]!
  if (channels % groups !== 0) build.refuse(`has ${channels} channels in ${name}, which are no ${groups} groups`)
  const grouped = build.node('Reshape', [x.name, build.integers([0, groups, -1])], [])
  const [ones, zeros] = [1, 0].map((value) => build.numbers([groups], Array(groups).fill(value))) as [string, string]
  const normed = build.node('InstanceNormalization', [grouped.name, ones, zeros], [], { epsilon })
  const [scale, bias] = ['weight', 'bias'].map((which) => {
    const own = `${name}.${which}`
    return build.weight(own, viewed(build.tensor(own), [channels, ...x.dims.slice(1).map(() => 1)], own))
  }) as [string, string]
  const scaled = build.node('Mul', [reshape(build, normed, x.dims).name, scale], x.dims)
  return build.node('Add', [scaled.name, bias], x.dims)
}

/** x: [length, channels] or [channels] */
export function layerNorm(build: GraphBuilder, x: Flow, name: string, epsilon = 1e-5): Flow {
  const weights = ['weight', 'bias'].map((which) => {
    const own = `${name}.${which}`
    return build.weight(own, viewed(build.tensor(own), [x.dims.at(-1)!], own))
  })
  return build.node('LayerNormalization', [x.name, ...weights], x.dims, { axis: -1n, epsilon })
}

/** The same without weights of its own. */
export function plainNorm(build: GraphBuilder, x: Flow, epsilon: number): Flow {
  const width = x.dims.at(-1)!
  const ones = build.numbers([width], Array(width).fill(1))
  return build.node('LayerNormalization', [x.name, ones], x.dims, { axis: -1n, epsilon })
}

/** x ÷ √(mean(x²) + ε) · weight, over the last axis. The squares are added up in float32. */
export function rmsNorm(build: GraphBuilder, x: Flow, name: string, epsilon = 1e-6): Flow {
  const wide = build.wide(x)
  const column = x.dims.with(-1, 1)
  const square = build.node('Mul', [wide.name, wide.name], x.dims)
  const mean = build.node('ReduceMean', [square.name, build.integers([-1])], column, { keepdims: 1n })
  const lifted = build.node('Add', [mean.name, build.numbers([], [epsilon], 'float32')], column)
  const root = build.node('Sqrt', [lifted.name], column)
  const normed = build.own(build.node('Div', [wide.name, root.name], x.dims))
  const own = `${name}.weight`
  const weight = build.weight(own, viewed(build.tensor(own), [x.dims.at(-1)!], own))
  return build.node('Mul', [normed.name, weight], x.dims)
}

/** Twice as high and wide, every pixel four times. */
export function twice(build: GraphBuilder, x: Flow): Flow {
  const [channels, height, width] = x.dims as [number, number, number]
  const scales = build.numbers([4], [1, 1, 2, 2], 'float32')
  return build.node('Resize', [x.name, '', scales], [channels, 2 * height, 2 * width], {
    mode: 'nearest',
    coordinate_transformation_mode: 'asymmetric',
    nearest_mode: 'floor',
  })
}

export function reshape(build: GraphBuilder, x: Flow, dims: readonly number[]): Flow {
  const isSame = x.dims.length === dims.length && x.dims.every((dim, axis) => dim === dims[axis])
  return isSame ? x : build.node('Reshape', [x.name, build.integers([-1, ...dims])], dims)
}

/** `permutation` of one sample's axes. */
export function transpose(build: GraphBuilder, x: Flow, permutation: readonly number[]): Flow {
  const dims = permutation.map((axis) => x.dims[axis]!)
  return build.node('Transpose', [x.name], dims, { perm: [0, ...permutation.map((axis) => axis + 1)].map(BigInt) })
}

/** `axis` of one sample. */
export function concatenate(build: GraphBuilder, parts: readonly Flow[], axis: number): Flow {
  const length = parts.reduce((total, { dims }) => total + dims[axis]!, 0)
  const dims = parts[0]!.dims.with(axis, length)
  const names = parts.map(({ name }) => name)
  return build.node('Concat', names, dims, { axis: BigInt(axis + 1) })
}

export const add = (build: GraphBuilder, a: Flow, b: Flow): Flow => build.node('Add', [a.name, b.name], a.dims)

export const multiply = (build: GraphBuilder, a: Flow, b: Flow | number): Flow =>
  build.node('Mul', [a.name, typeof b === 'number' ? build.numbers([], [b]) : b.name], a.dims)

/** Some of x along an axis: from (inclusive) to (exclusive). */
export function slice(build: GraphBuilder, x: Flow, axis: number, [from, to, step = 1]: Span): Flow {
  const bounds = [from, to, axis + 1, step].map((each) => build.integers([each]))
  return build.node('Slice', [x.name, ...bounds], x.dims.with(axis, Math.ceil((to - from) / step)))
}

type Span = readonly [from: number, to: number, step?: number]

export type Activation = 'silu' | 'gelu' | 'gelu_tanh' | 'quick_gelu'

export function activate(build: GraphBuilder, x: Flow, activation: Activation): Flow {
  if (activation === 'gelu') return build.node('Gelu', [x.name], x.dims)
  if (activation === 'gelu_tanh') return build.node('Gelu', [x.name], x.dims, { approximate: 'tanh' })
  const inner = activation === 'quick_gelu' ? multiply(build, x, 1.702) : x
  return multiply(build, x, build.node('Sigmoid', [inner.name], x.dims))
}
