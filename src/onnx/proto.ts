import { closeSync, openSync, readFileSync, readSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { FunctionProtoSchema, type GraphProto, type ModelProto, ModelProtoSchema, type TensorProto } from 'onnx-buf'
import { UserError } from '../errors.ts'
import {
  type ByteRange,
  type Constant,
  type ElementType,
  type Graph,
  isFloat,
  isOnDisk,
  type Node,
  namesUsed,
  node,
  type ValueInfo,
} from './graph.ts'
import {
  attributeFrom,
  attributeProto,
  tensorFrom,
  tensorProto,
  typeNumbers,
  valueFrom,
  valueProto,
} from './proto-values.ts'
import { readSkeleton, smallestWeight } from './scan.ts'

/**
 * Reads a model's graph. Its weights stay on disk as byte ranges of the model's own files.
 * @throws UserError if the file is no ONNX model, or names weights that are missing or outside its folder
 */
export function readModel(path: string): Graph {
  const resolved = resolve(path)
  try {
    const graph = decodeGraph(readSkeleton(realpathSync(resolved)), dirname(resolved), {
      [basename(realpathSync(resolved))]: realpathSync(resolved),
    })
    checkWeights(graph)
    return graph
  } catch (cause) {
    if (cause instanceof UserError) throw cause
    throw new UserError(`${path} cannot be read: ${reasonFor(cause, path)}.`, {}, { cause })
  }
}

/** @throws UserError if a file of weights ends too early, as after a download that broke off */
function checkWeights({ constants }: Graph): void {
  const sizes = new Map<string, number>()
  for (const { data } of constants.values()) {
    if (!isOnDisk(data)) continue
    const size = sizes.get(data.file) ?? statSync(data.file).size
    sizes.set(data.file, size)
    if (data.offset + data.length > size) {
      throw new UserError(`${data.file} is shorter than its model says: download it again.`)
    }
  }
}

function reasonFor(cause: unknown, path: string): string {
  if (isMissing(cause)) return 'there is no such file'
  const { size } = statSync(path)
  const isPointer = size > 0 && size < 1024 && readFileSync(path, 'utf8').startsWith('version https://git-lfs')
  return isPointer
    ? 'it only points to the file: `git lfs pull` fetches it'
    : 'it is not an ONNX model, or it is damaged'
}

/** Bytes → graph. External data is searched for in `folder`, except for the names in `known`. */
export function decodeGraph(bytes: Uint8Array, folder = '.', known: Record<string, string> = {}): Graph {
  const model = fromBinary(ModelProtoSchema, bytes)
  if (!model.graph) throw new RangeError('Expected a graph in the model')
  const files = new Map(Object.entries(known))
  return graphFrom(model, model.graph, (tensor) => bringSmall(tensorFrom(tensor, locate(folder, files))))
}

/**
 * Graph → bytes. Weights on disk become external references relative to `folder`, which has to contain them all.
 * @param conversions Whether weights stored in another type are converted once, or anew by every node that uses them,
 *   so that none lives longer than it is needed. @default 'once'
 */
export function encodeGraph(graph: Graph, folder = '.', conversions: 'once' | 'by each use' = 'once'): Uint8Array {
  const locationOf = (file: string) => relative(folder, file).split(sep).join('/')
  const stored = [...graph.constants].map(([name, constant]) => storedConstant(name, constant))
  const infoOf = (name: string) => valueProto(graph.values.get(name) ?? { name })
  const model = create(ModelProtoSchema, {
    irVersion: BigInt(graph.irVersion),
    producerName: 'isto',
    opsetImport: [...graph.opsets].map(([domain, version]) => ({ domain, version: BigInt(version) })),
    functions: graph.functions.map((bytes) => fromBinary(FunctionProtoSchema, bytes)),
    graph: {
      name: 'graph',
      input: graph.inputs.map(valueProto),
      output: graph.outputs.map(infoOf),
      initializer: stored.map(([name, constant]) => tensorProto(name, constant, locationOf)),
      node: (conversions === 'once' ? convertedOnce(graph) : convertedByEachUse(graph)).map((each) => ({
        opType: each.operator,
        domain: each.domain,
        name: each.name,
        input: [...each.inputs],
        output: [...each.outputs],
        attribute: Object.entries(each.attributes).map(([name, value]) => attributeProto(name, value, locationOf)),
      })),
    },
  })
  return toBinary(ModelProtoSchema, model)
}

/** The deepest folder that contains all weights of a graph; `fallback` if none are on disk. */
export function folderOfWeights(graph: Graph, fallback = '.'): string {
  const files = new Set([...graph.constants.values()].flatMap(({ data }) => (isOnDisk(data) ? [data.file] : [])))
  const folders = [...files].map((file) => dirname(file).split(sep))
  const [first, ...rest] = folders
  if (!first) return fallback
  const shared = rest.reduce((common, parts) => common.slice(0, commonLength(common, parts)), first)
  return shared.join(sep) || sep
}

/** Reads the bytes of a range from disk. */
export function readRange({ file, offset, length }: ByteRange): Uint8Array {
  const bytes = new Uint8Array(length)
  const descriptor = openSync(file, 'r')
  try {
    if (readSync(descriptor, bytes, 0, length, offset) < length) {
      throw new UserError(`${file} is shorter than its model says; get it again.`)
    }
    return bytes
  } finally {
    closeSync(descriptor)
  }
}

function graphFrom(model: ModelProto, graph: GraphProto, constantFrom: (tensor: TensorProto) => Constant): Graph {
  const constants = new Map(graph.initializer.map((tensor) => [tensor.name, constantFrom(tensor)]))
  const nodes: Node[] = []
  for (const { opType, domain, name, input, output, attribute } of graph.node) {
    const attributes = Object.fromEntries(attribute.map((each) => [each.name, attributeFrom(each, constantFrom)]))
    const found = { operator: opType, domain: standard(domain), name, inputs: input, outputs: output, attributes }
    if (found.operator === 'Constant' && found.domain === '' && isConstant(attributes.value)) {
      constants.set(output[0]!, attributes.value)
    } else {
      nodes.push(found)
    }
  }
  const infos = [...graph.valueInfo, ...graph.output].flatMap((info) => valueFrom(info) ?? [])
  return {
    irVersion: Number(model.irVersion),
    opsets: new Map(model.opsetImport.map(({ domain, version }) => [standard(domain), Number(version)])),
    inputs: graph.input.filter(({ name }) => !constants.has(name)).map((info) => valueFrom(info) ?? fail(info.name)),
    outputs: graph.output.map(({ name }) => name),
    nodes,
    constants,
    values: new Map(infos.map((info) => [info.name, info])) satisfies Map<string, ValueInfo>,
    functions: model.functions.map((each) => toBinary(FunctionProtoSchema, each)),
  }
}

const storedName = (name: string) => `${name}/stored`

function storedConstant(name: string, { storedAs, ...constant }: Constant): [name: string, Constant] {
  return storedAs ? [storedName(name), { ...constant, type: storedAs }] : [name, constant]
}

function convertedOnce({ constants, nodes }: Graph): Node[] {
  const conversions = [...constants].flatMap(([name, { type, storedAs }]) =>
    storedAs ? [conversion(name, type, name)] : [],
  )
  return [...conversions, ...nodes]
}

/**
 * The conversions come first: of a node's inputs ONNX Runtime computes last what stands first in the graph, so each
 * weight is converted right before it is used. Outputs and names used inside a node's subgraph are converted once.
 */
function convertedByEachUse(graph: Graph): Node[] {
  const isConverted = (name: string) => graph.constants.get(name)?.storedAs !== undefined
  const inside = graph.nodes.flatMap((each) => namesUsed(each).filter((name) => !each.inputs.includes(name)))
  const once = new Set([...graph.outputs, ...inside])
  const conversions = convertedOnce({ ...graph, nodes: [] }).filter(({ outputs }) => once.has(outputs[0]!))
  const nodes = graph.nodes.map((each, index) => {
    const own = new Map(each.inputs.filter(isConverted).map((name) => [name, `${name}/${index}`]))
    for (const [name, output] of own) conversions.push(conversion(name, graph.constants.get(name)!.type, output))
    return { ...each, inputs: each.inputs.map((name) => own.get(name) ?? name) }
  })
  return [...conversions, ...nodes]
}

const conversion = (name: string, type: ElementType, output: string): Node =>
  node('Cast', [storedName(name)], [output], { to: BigInt(typeNumbers.get(type)!) })

const standard = (domain: string) => (domain === 'ai.onnx' ? '' : domain)

const isConstant = (attribute: Node['attributes'][string] | undefined): attribute is Constant =>
  typeof attribute === 'object' && 'data' in attribute

function fail(name: string): never {
  throw new UserError(`The model's input ${name} has no tensor type; this model cannot be used.`)
}

/** Integers and small tensors shape the graph, so they are read wherever they are. */
function bringSmall(constant: Constant): Constant {
  if (!isOnDisk(constant.data)) return constant
  const small = constant.data.length < (isFloat(constant.type) ? smallestWeight : 1 << 20)
  return small ? { ...constant, data: readRange(constant.data) } : constant
}

function locate(folder: string, files: Map<string, string>): (location: string) => string {
  return (location) => {
    const found = files.get(location) ?? realFile(folder, location)
    files.set(location, found)
    return found
  }
}

function realFile(folder: string, location: string): string {
  if (relative(folder, join(folder, location)).startsWith('..') || resolve(location) === location) {
    throw new UserError(`The model keeps its weights outside its folder (${location}); this model cannot be used.`)
  }
  try {
    return realpathSync(join(folder, location))
  } catch (cause) {
    throw new UserError(`The model's weights are missing: there is no ${join(folder, location)}.`, {}, { cause })
  }
}

const isMissing = (error: unknown) => error instanceof Error && 'code' in error && error.code === 'ENOENT'

function commonLength(a: readonly string[], b: readonly string[]): number {
  const different = a.findIndex((part, index) => part !== b[index])
  return different < 0 ? a.length : different
}
