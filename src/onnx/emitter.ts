import { broadcast, sameDims } from './broadcast.ts'
import {
  type Attribute,
  type Constant,
  constantOf,
  type ElementType,
  type Graph,
  type Node,
  numbersOf,
  type Value,
} from './graph.ts'

type Operand = Value | number

/**
 * Appends standard-operator nodes to a graph and knows the size of everything it appends. A number instead of an
 * operand is a scalar of the other operand's type.
 */
export class Emitter {
  readonly opset: number
  readonly #graph: Graph
  readonly #prefix: string
  readonly #nodes: Node[] = []
  readonly #constants = new Map<string, Constant>()
  readonly #values = new Map<string, Value>()
  readonly #producers: Map<string, Node>
  readonly #emitted = new Map<string, Value>()

  /** `prefix` starts every new name; no name of the graph should start with it. */
  constructor(graph: Graph, prefix: string) {
    this.opset = graph.opsets.get('') ?? 0
    this.#graph = graph
    this.#prefix = prefix
    this.#producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node])))
  }

  /** Appends a node as it is. */
  keep(node: Node): void {
    this.#nodes.push(node)
  }

  /** The graph with everything that was appended. */
  graph(outputs: readonly string[] = this.#graph.outputs): Graph {
    return {
      ...this.#graph,
      outputs,
      nodes: [...this.#graph.nodes, ...this.#nodes],
      constants: new Map([...this.#graph.constants, ...this.#constants]),
      values: new Map([...this.#graph.values, ...this.#values]),
    }
  }

  /** A node with one output. The same node a second time returns the first one's value, unless it has a `name`. */
  node(
    operator: string,
    inputs: readonly (Value | undefined)[],
    dims: readonly number[],
    options: NodeOptions = {},
  ): Value {
    const { attributes = {}, type = inputs[0]!.type } = options
    const from = inputs.map((input) => input?.name ?? '')
    const key = [operator, ...from, ...Object.entries(attributes)].join('|')
    const known = this.#emitted.get(key)
    if (known && !options.name) return known
    const name = options.name ?? `${this.#prefix}${operator}_${this.#nodes.length}`
    const value = { name, type, dims }
    const node = { operator, domain: '', name, inputs: from, outputs: [name], attributes }
    this.#nodes.push(node)
    this.#values.set(name, value)
    this.#producers.set(name, node)
    this.#emitted.set(key, value)
    return value
  }

  /** A constant; equal numbers are stored once. */
  constant(type: ElementType, dims: readonly number[], numbers: readonly number[]): Value {
    const name = `${this.#prefix}${type}[${dims}]=${numbers.length > 16 ? this.#constants.size : numbers}`
    if (!this.#constants.has(name)) this.#constants.set(name, constantOf(type, dims, numbers))
    return { name, type, dims }
  }

  integers(numbers: readonly number[]): Value {
    return this.constant('int64', [numbers.length], numbers)
  }

  add = (a: Value, b: Operand) => this.#binary('Add', a, b)
  sub = (a: Operand, b: Operand) => this.#binary('Sub', a, b)
  mul = (a: Value, b: Operand) => this.#binary('Mul', a, b)
  div = (a: Operand, b: Operand) => this.#binary('Div', a, b)
  neg = (x: Value) => this.node('Neg', [x], x.dims)
  exp = (x: Value) => this.node('Exp', [x], x.dims)
  sqrt = (x: Value) => this.node('Sqrt', [x], x.dims)
  pow = (x: Value, exponent: number) => this.#binary('Pow', x, exponent)
  cast = (x: Value, type: ElementType) =>
    x.type === type ? x : this.node('Cast', [x], x.dims, { type, attributes: { to: BigInt(castNumbers[type]!) } })

  reshape(x: Value, dims: readonly number[]): Value {
    if (sameDims(x.dims, dims)) return x
    const source = this.#sourceThrough('Reshape', x) ?? x
    return sameDims(source.dims, dims) ? source : this.node('Reshape', [source, this.integers(dims)], dims)
  }

  transpose(x: Value, permutation: readonly number[]): Value {
    if (permutation.every((axis, index) => axis === index)) return x
    const source = this.#sourceThrough('Transpose', x)
    const first = this.#producers.get(x.name)?.attributes.perm as readonly bigint[] | undefined
    if (source && first)
      return this.transpose(
        source,
        permutation.map((axis) => Number(first[axis])),
      )
    const dims = permutation.map((axis) => x.dims[axis]!)
    return this.node('Transpose', [x], dims, { attributes: { perm: permutation.map(BigInt) } })
  }

  /** Swaps the last two axes. */
  swap(x: Value): Value {
    const rank = x.dims.length
    const axes = x.dims.map((_, axis) => axis)
    return this.transpose(x, [...axes.slice(0, -2), rank - 1, rank - 2])
  }

  matmul(a: Value, b: Value): Value {
    const batch = broadcast(a.dims.slice(0, -2), b.dims.slice(0, -2))
    return this.node('MatMul', [a, b], [...batch, a.dims.at(-2)!, b.dims.at(-1)!])
  }

  /** alpha·A′·B′ of matrices, where ′ is a transposition if asked for. */
  gemm(a: Value, b: Value, { transA = false, transB = false, alpha = 1 } = {}): Value {
    const dims = [a.dims[transA ? 1 : 0]!, b.dims[transB ? 0 : 1]!]
    return this.node('Gemm', [a, b], dims, { attributes: { transA: BigInt(transA), transB: BigInt(transB), alpha } })
  }

  /** Sums over the axes, which stay with size 1. */
  sum = (x: Value, axes: readonly number[]) => this.#reduce('ReduceSum', x, axes)
  sumOfSquares = (x: Value, axes: readonly number[]) => this.#reduce('ReduceSumSquare', x, axes)
  mean = (x: Value, axes: readonly number[]) => this.#reduce('ReduceMean', x, axes)

  /** `start` and `end` by axis; all of the other axes. */
  slice(x: Value, axis: number, start: number, end: number): Value {
    if (start === 0 && end === x.dims[axis]) return x
    const dims = x.dims.with(axis, end - start)
    return this.node('Slice', [x, ...[start, end, axis, 1].map((each) => this.integers([each]))], dims)
  }

  concat(parts: readonly Value[], axis: number): Value {
    if (parts.length === 1) return parts[0]!
    const length = parts.reduce((total, { dims }) => total + dims[axis]!, 0)
    return this.node('Concat', parts, parts[0]!.dims.with(axis, length), { attributes: { axis: BigInt(axis) } })
  }

  /** Zeros before and after, by axis; negative numbers cut off. */
  pad(x: Value, before: readonly number[], after: readonly number[]): Value {
    if ([...before, ...after].every((each) => each === 0)) return x
    const dims = x.dims.map((dim, axis) => dim + before[axis]! + after[axis]!)
    return this.node('Pad', [x, this.integers([...before, ...after])], dims)
  }

  expand = (x: Value, dims: readonly number[]) =>
    sameDims(x.dims, dims) ? x : this.node('Expand', [x, this.integers(dims)], dims)

  zeros = (type: ElementType, dims: readonly number[]) => this.expand(this.constant(type, [], [0]), dims)

  ones = (type: ElementType, dims: readonly number[]) => this.expand(this.constant(type, [], [1]), dims)

  /** `x` unchanged, but computed only after `others`: one number of each is appended to it and removed again. */
  after(x: Value, others: readonly Value[]): Value {
    const length = sizeOf(x)
    const firsts = others.map((other) => this.cast(this.slice(this.reshape(other, [sizeOf(other)]), 0, 0, 1), x.type))
    return this.reshape(this.slice(this.concat([this.reshape(x, [length]), ...firsts], 0), 0, 0, length), x.dims)
  }

  /** The sum. Values that are parts of one axis among zeros, as slices leave them, are concatenated instead. */
  total(values: readonly Value[]): Value {
    return this.#sideBySide(values) ?? values.reduce((left, right) => this.add(left, right))
  }

  #sideBySide(values: readonly Value[]): Value | undefined {
    if (values.length < 2) return undefined
    const parts = values.flatMap((value) => this.#amongZeros(value) ?? [])
    const axis = parts[0]?.axis ?? 0
    const sorted = parts.toSorted((one, other) => one.start - other.start)
    const ends = sorted.map(({ start, part }) => start + part.dims[axis]!)
    const isWhole =
      parts.length === values.length &&
      sorted.every((each, index) => each.axis === axis && each.start === (ends[index - 1] ?? 0)) &&
      ends.at(-1) === values[0]!.dims[axis]
    return isWhole
      ? this.concat(
          sorted.map(({ part }) => part),
          axis,
        )
      : undefined
  }

  /** For a value that `pad` made along one axis: the value before, and its position. */
  #amongZeros(value: Value): { readonly part: Value; readonly axis: number; readonly start: number } | undefined {
    const node = this.#producers.get(value.name)
    const pads = node?.operator === 'Pad' ? this.#constants.get(node.inputs[1]!) : undefined
    const part = pads && this.#sourceThrough('Pad', value)
    const axes = part?.dims.flatMap((dim, axis) => (dim === value.dims[axis] ? [] : [axis]))
    return part && axes?.length === 1 ? { part, axis: axes[0]!, start: numbersOf(pads)![axes[0]!]! } : undefined
  }

  /** The data input of the operator that made `x`. */
  #sourceThrough(operator: string, x: Value): Value | undefined {
    const node = this.#producers.get(x.name)
    const [name = ''] = node?.operator === operator ? node.inputs : []
    return this.#values.get(name) ?? (this.#graph.values.get(name) as Value | undefined)
  }

  #binary(operator: string, a: Operand, b: Operand): Value {
    const type = typeof a === 'object' ? a.type : typeof b === 'object' ? b.type : 'float32'
    const [left, right] = [a, b].map((each) => (typeof each === 'number' ? this.constant(type, [], [each]) : each)) as [
      Value,
      Value,
    ]
    return this.node(operator, [left, right], broadcast(left.dims, right.dims))
  }

  /** Reductions take their axes as an input since opset 13 (ReduceSum) or 18 (the others). */
  #reduce(operator: string, x: Value, axes: readonly number[]): Value {
    if (axes.length === 0) return x
    const dims = x.dims.map((dim, axis) => (axes.includes(axis) ? 1 : dim))
    const asInput = this.opset >= (operator === 'ReduceSum' ? 13 : 18)
    const inputs = asInput ? [x, this.integers(axes)] : [x]
    const attributes: Record<string, Attribute> = asInput ? { keepdims: 1n } : { keepdims: 1n, axes: axes.map(BigInt) }
    return this.node(operator, inputs, dims, { attributes })
  }
}

interface NodeOptions {
  readonly attributes?: Node['attributes']
  /** @default the first input's */
  readonly type?: ElementType
  readonly name?: string
}

const sizeOf = ({ dims }: Value) => dims.reduce((product, dim) => product * dim, 1)

const castNumbers: Partial<Record<ElementType, number>> = {
  float32: 1,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
}
