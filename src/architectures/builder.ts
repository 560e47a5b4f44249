import { UserError } from '../errors.ts'
import {
  type Attribute,
  type Constant,
  constantOf,
  type ElementType,
  type Graph,
  graphOf,
  isFloat,
  type Node,
  type ValueInfo,
} from '../onnx/graph.ts'
import type { StoredTensor, Tensors } from './tensors.ts'

/** A value in a network: [n, ...dims] for a batch n that stays open. */
export interface Flow {
  readonly name: string
  /** The dims of one sample. */
  readonly dims: readonly number[]
}

/** Builds a network's graph from a checkpoint's tensors, which stay on disk. */
export class GraphBuilder {
  readonly #what: string
  readonly #tensors: Tensors
  readonly #type: ElementType
  readonly #used = new Set<string>()
  readonly #inputs: ValueInfo[] = []
  readonly #outputs: string[] = []
  readonly #nodes: Node[] = []
  readonly #constants = new Map<string, Constant>()
  /** The cast values, by name. */
  readonly #rounded = new Map<string, string>()

  /** `what`: the network's name in messages. `type`: of its numbers, however they are stored. */
  constructor(what: string, tensors: Tensors, type: 'float32' | 'float16') {
    this.#what = what
    this.#tensors = tensors
    this.#type = type
  }

  /** @throws UserError if tensors are left over: the network is then not what it was taken for */
  graph(): Graph {
    const unused = [...this.#tensors.keys()].filter((name) => !this.#used.has(name) && !isBuffer(name))
    if (unused.length > 0) {
      throw new UserError(
        `${this.#what} has ${unused.length} weights that are not known here, like ${unused[0]}: the model is of a kind that cannot be used.`,
      )
    }
    return graphOf({
      irVersion: 9,
      opsets: new Map([['', 20]]),
      inputs: this.#inputs,
      outputs: this.#outputs,
      nodes: this.#nodes,
      constants: this.#constants,
    })
  }

  input(name: string, dims: readonly number[], type = this.#type): Flow {
    this.#inputs.push({ name, type, dims: ['batch', ...dims] })
    return { name, dims }
  }

  output(name: string, { name: from }: Flow): void {
    this.#nodes.push({ operator: 'Identity', domain: '', name, inputs: [from], outputs: [name], attributes: {} })
    this.#outputs.push(name)
  }

  /** A node with one output. Inputs are names of values and constants. */
  node(
    operator: string,
    inputs: readonly string[],
    dims: readonly number[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): Flow {
    const name = `${operator}_${this.#nodes.length}`
    this.#nodes.push({ operator, domain: '', name, inputs, outputs: [name], attributes })
    return { name, dims }
  }

  /** A float32 value in the network's own type. */
  own = (x: Flow): Flow => (this.#type === 'float32' ? x : this.node('Cast', [x.name], x.dims, { to: 10n }))

  /** A value in float32, for sums that would leave the range of half precision. */
  wide = (x: Flow): Flow => (this.#type === 'float32' ? x : this.node('Cast', [x.name], x.dims, { to: 1n }))

  has = (name: string): boolean => this.#tensors.has(name)

  /** How many of `prefix.0`, `prefix.1`, … there are. */
  count(prefix: string): number {
    const starts = new Set(
      [...this.#tensors.keys()].flatMap((name) =>
        name.startsWith(`${prefix}.`) ? (name.slice(prefix.length + 1).split('.')[0] ?? []) : [],
      ),
    )
    let count = 0
    while (starts.has(String(count))) count++
    return count
  }

  /** @throws UserError if it is missing, or its numbers are not fractions */
  tensor(name: string): StoredTensor {
    const found = this.#tensors.get(name)
    if (!found) throw new UserError(`${this.#what} lacks the weight ${name}: download the model again.`)
    if (!isFloat(found.type))
      throw new UserError(`${this.#what} stores ${name} as ${found.type}: get the model in float16.`)
    this.#used.add(name)
    return found
  }

  /** Adds a tensor to the graph. @returns its name there */
  weight(name: string, { type, dims, data }: StoredTensor): string {
    this.#constants.set(name, { type: this.#type, dims, data, ...(type !== this.#type && { storedAs: type }) })
    return name
  }

  /**
   * Equal numbers are stored once. In half precision they are rounded where they are used; in float32 they are exact.
   */
  numbers(dims: readonly number[], numbers: readonly number[], type = this.#type): string {
    if (type === 'float16') return this.#once(this.numbers(dims, numbers, 'float32'), dims)
    const isUniform = numbers.every((each) => each === numbers[0])
    const told = isUniform ? numbers[0] : numbers.length > 16 ? `#${this.#constants.size}` : numbers
    const name = `${type}[${dims}]=${told}`
    if (!this.#constants.has(name)) this.#constants.set(name, constantOf(type, dims, numbers))
    return name
  }

  #once(name: string, dims: readonly number[]): string {
    const known = this.#rounded.get(name) ?? this.own({ name, dims }).name
    this.#rounded.set(name, known)
    return known
  }

  integers = (numbers: readonly number[]): string => this.numbers([numbers.length], numbers, 'int64')

  /** @throws UserError */
  refuse(reason: string): never {
    throw new UserError(`${this.#what} ${reason}: the model is of another kind, or damaged.`)
  }
}

/** What PyTorch stores beside the weights. */
const isBuffer = (name: string) => name.endsWith('position_ids')
