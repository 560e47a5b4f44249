/// <reference lib="esnext.float16" />

/** Element types by their onnxruntime names. */
export type ElementType =
  | 'float32'
  | 'float16'
  | 'float64'
  | 'bfloat16'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'bool'
  | 'string'

/** Bytes that stay on disk. `file` is an absolute real path. */
export interface ByteRange {
  readonly file: string
  readonly offset: number
  readonly length: number
}

/** A tensor whose numbers are known: little-endian, row-major, in memory or on disk. */
export interface Constant {
  readonly type: ElementType
  readonly dims: readonly number[]
  readonly data: Uint8Array | ByteRange
  /** The type of the bytes on disk, if it is not `type`: they are converted when a session opens. @default type */
  readonly storedAs?: ElementType
}

/** A tensor that a graph computes or is fed. A `string` among `dims` names a free size. */
export interface ValueInfo {
  readonly name: string
  readonly type: ElementType
  readonly dims: readonly (number | string)[]
}

/** The same, with every size known. */
export interface Value extends ValueInfo {
  readonly dims: readonly number[]
}

/** ONNX integers are `bigint`, ONNX floats are `number`; a `Subgraph` is passed through unchanged. */
export type Attribute = bigint | number | string | readonly bigint[] | readonly number[] | Constant | Subgraph

/** An attribute that this project never looks into, as encoded, and the names that it uses. */
interface Subgraph {
  readonly encoded: Uint8Array
  readonly uses: readonly string[]
}

export interface Node {
  readonly operator: string
  /** `''` for the standard operators. */
  readonly domain: string
  readonly name: string
  /** `''` stands for an optional input that is left out. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: Readonly<Record<string, Attribute>>
}

/** A model's graph; its nodes are in topological order. */
export interface Graph {
  readonly irVersion: number
  /** The version of each operator set by domain; `''` is the standard one. */
  readonly opsets: ReadonlyMap<string, number>
  readonly inputs: readonly ValueInfo[]
  readonly outputs: readonly string[]
  readonly nodes: readonly Node[]
  readonly constants: ReadonlyMap<string, Constant>
  /** Type and dims of what the nodes compute, as far as they are known. */
  readonly values: ReadonlyMap<string, ValueInfo>
  /** The model's local functions, as encoded. */
  readonly functions: readonly Uint8Array[]
}

/** A standard-operator node, for graphs written by hand. */
export function node(
  operator: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Node['attributes'] = {},
): Node {
  return { operator, domain: '', name: outputs[0] ?? operator, inputs, outputs, attributes }
}

/** A graph of opset 17 that contains only what is given. */
export function graphOf(parts: Partial<Graph>): Graph {
  return {
    irVersion: 8,
    opsets: new Map([['', 17]]),
    inputs: [],
    outputs: [],
    nodes: [],
    constants: new Map(),
    values: new Map(),
    functions: [],
    ...parts,
  }
}

export const isOnDisk = (data: Constant['data']): data is ByteRange => !(data instanceof Uint8Array)

export const isFloat = (type: ElementType): boolean =>
  type === 'float32' || type === 'float16' || type === 'float64' || type === 'bfloat16'

/** An input of the graph or what a node computes. Its size has to be known. */
export const valueNamed = ({ values, inputs }: Graph, name: string): Value | undefined =>
  (values.get(name) ?? inputs.find((each) => each.name === name)) as Value | undefined

/** Every name that a node reads, including those inside its subgraphs. */
export function namesUsed(node: Node): string[] {
  const inside = Object.values(node.attributes).flatMap((attribute) =>
    typeof attribute === 'object' && 'uses' in attribute ? attribute.uses : [],
  )
  return [...node.inputs.filter((name) => name !== ''), ...inside]
}

/** The same graph without the nodes and constants that its outputs don't need. Inputs stay. */
export function prune(graph: Graph): Graph {
  const needed = new Set(graph.outputs)
  const nodes = graph.nodes.toReversed().filter((node) => {
    if (!node.outputs.some((name) => needed.has(name))) return false
    for (const name of namesUsed(node)) needed.add(name)
    return true
  })
  const known = needed.union(new Set(nodes.flatMap(({ outputs }) => outputs)))
  const constants = new Map([...graph.constants].filter(([name]) => needed.has(name)))
  const values = new Map([...graph.values].filter(([name]) => known.has(name)))
  return { ...graph, nodes: nodes.toReversed(), constants, values }
}

/** The numbers of a constant in memory, integers as `number`; `undefined` if they are on disk. */
export function numbersOf({ type, data }: Constant): number[] | undefined {
  if (isOnDisk(data)) return undefined
  const { buffer, byteOffset, byteLength } = new Uint8Array(data)
  const view = new DataView(buffer, byteOffset, byteLength)
  const [size, read] = readers[type] ?? [0, undefined]
  return read && Array.from({ length: byteLength / size }, (_, index) => Number(read(view, index * size)))
}

const readers: Partial<Record<ElementType, [bytes: number, read: (view: DataView, at: number) => number | bigint]>> = {
  float32: [4, (view, at) => view.getFloat32(at, true)],
  float16: [2, (view, at) => view.getFloat16(at, true)],
  bfloat16: [2, (view, at) => fromBfloat16(view.getUint16(at, true))],
  float64: [8, (view, at) => view.getFloat64(at, true)],
  int64: [8, (view, at) => view.getBigInt64(at, true)],
  int32: [4, (view, at) => view.getInt32(at, true)],
  bool: [1, (view, at) => view.getUint8(at)],
}

/** The upper half of a float32. */
const fromBfloat16 = (bits: number) => new Float32Array(Uint32Array.of(bits << 16).buffer)[0]!

/** A constant in memory, of one of the types that exported graphs compute with. */
export function constantOf(type: ElementType, dims: readonly number[], numbers: readonly number[]): Constant {
  return { type, dims, data: bytesOf(type, numbers) }
}

function bytesOf(type: ElementType, numbers: readonly number[]): Uint8Array {
  const array = arrayOf(type, numbers)
  return new Uint8Array(array.buffer)
}

function arrayOf(type: ElementType, numbers: readonly number[]) {
  if (type === 'float32') return new Float32Array(numbers)
  if (type === 'float16') return new Float16Array(numbers)
  if (type === 'float64') return new Float64Array(numbers)
  if (type === 'int64') return new BigInt64Array(numbers.map(BigInt))
  if (type === 'int32') return new Int32Array(numbers)
  if (type === 'bool') return new Uint8Array(numbers)
  throw new TypeError(`Expected a type that can be written, got ${type}`)
}
