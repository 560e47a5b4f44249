import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import {
  type AttributeProto,
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataLocation as DataLocation,
  TensorProto_DataType as DataType,
  type GraphProto,
  type TensorProto,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from 'onnx-buf'
import { UserError } from '../errors.ts'
import { type Attribute, type Constant, type ElementType, isOnDisk, type ValueInfo } from './graph.ts'

const typeNames = new Map<number, ElementType>([
  [DataType.FLOAT, 'float32'],
  [DataType.FLOAT16, 'float16'],
  [DataType.DOUBLE, 'float64'],
  [DataType.BFLOAT16, 'bfloat16'],
  [DataType.INT8, 'int8'],
  [DataType.INT16, 'int16'],
  [DataType.INT32, 'int32'],
  [DataType.INT64, 'int64'],
  [DataType.UINT8, 'uint8'],
  [DataType.UINT16, 'uint16'],
  [DataType.UINT32, 'uint32'],
  [DataType.UINT64, 'uint64'],
  [DataType.BOOL, 'bool'],
  [DataType.STRING, 'string'],
])
export const typeNumbers: ReadonlyMap<ElementType, number> = new Map(
  [...typeNames].map(([number, name]) => [name, number]),
)

export function tensorFrom(tensor: TensorProto, fileOf: (location: string) => string): Constant {
  const shape = { type: typeName(tensor.dataType), dims: tensor.dims.map(Number) }
  if (tensor.dataLocation !== DataLocation.EXTERNAL) return { ...shape, data: bytesOf(tensor) }
  const entries = new Map(tensor.externalData.map(({ key, value }) => [key, value]))
  const [offset, length] = [Number(entries.get('offset') ?? 0), Number(entries.get('length') ?? byteLength(shape))]
  return { ...shape, data: { file: fileOf(entries.get('location') ?? ''), offset, length } }
}

export function tensorProto(name: string, constant: Constant, locationOf: (file: string) => string): TensorProto {
  const { type, dims, data } = constant
  const shape = { name, dataType: typeNumbers.get(type)!, dims: dims.map(BigInt) }
  if (!isOnDisk(data)) return create(TensorProtoSchema, { ...shape, rawData: new Uint8Array(data) })
  const entries = { location: locationOf(data.file), offset: `${data.offset}`, length: `${data.length}` }
  return create(TensorProtoSchema, {
    ...shape,
    dataLocation: DataLocation.EXTERNAL,
    externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
  })
}

/** `undefined` if the type or the rank is not stated. */
export function valueFrom({ name, type }: ValueInfoProto): ValueInfo | undefined {
  if (type?.value.case !== 'tensorType' || !type.value.value.shape) return undefined
  const { elemType, shape } = type.value.value
  const dims = shape.dim.map(({ value }, axis) =>
    value.case === 'dimValue' ? Number(value.value) : value.value || `${name}.${axis}`,
  )
  return { name, type: typeName(elemType), dims }
}

export function valueProto(info: { name: string } & Partial<ValueInfo>): ValueInfoProto {
  if (!info.type || !info.dims) return create(ValueInfoProtoSchema, { name: info.name })
  const dim = info.dims.map((size) => ({
    value:
      typeof size === 'number'
        ? ({ case: 'dimValue', value: BigInt(size) } as const)
        : ({ case: 'dimParam', value: size } as const),
  }))
  const value = { elemType: typeNumbers.get(info.type)!, shape: { dim } }
  return create(ValueInfoProtoSchema, { name: info.name, type: { value: { case: 'tensorType', value } } })
}

export function attributeFrom(attribute: AttributeProto, constantFrom: (tensor: TensorProto) => Constant): Attribute {
  const { type, i, f, s, ints, floats, t } = attribute
  if (type === AttributeType.INT) return i
  if (type === AttributeType.FLOAT) return f
  if (type === AttributeType.STRING) return new TextDecoder().decode(s)
  if (type === AttributeType.INTS) return ints
  if (type === AttributeType.FLOATS) return floats
  if (type === AttributeType.TENSOR && t) return constantFrom(t)
  const graphs = attribute.g ? [attribute.g, ...attribute.graphs] : attribute.graphs
  return { encoded: toBinary(AttributeProtoSchema, attribute), uses: graphs.flatMap(namesInside) }
}

type AttributeInit = MessageInitShape<typeof AttributeProtoSchema>

export function attributeProto(name: string, value: Attribute, locationOf: (file: string) => string): AttributeInit {
  if (typeof value === 'bigint') return { name, type: AttributeType.INT, i: value }
  if (typeof value === 'number') return { name, type: AttributeType.FLOAT, f: value }
  if (typeof value === 'string') return { name, type: AttributeType.STRING, s: new TextEncoder().encode(value) }
  if ('encoded' in value) return fromBinary(AttributeProtoSchema, value.encoded)
  if ('data' in value) return { name, type: AttributeType.TENSOR, t: tensorProto('', value, locationOf) }
  if (isBigInts(value)) return { name, type: AttributeType.INTS, ints: [...value] }
  return { name, type: AttributeType.FLOATS, floats: [...value] }
}

function typeName(number: number): ElementType {
  const name = typeNames.get(number)
  if (!name)
    throw new UserError(`The model uses the number format ${DataType[number] ?? number}, which is not supported.`)
  return name
}

const isBigInts = (value: readonly bigint[] | readonly number[]): value is readonly bigint[] =>
  value.every((each) => typeof each === 'bigint')

function namesInside(graph: GraphProto): string[] {
  const names = graph.node.flatMap(({ input, attribute }) => [
    ...input,
    ...attribute.flatMap(({ g }) => (g ? namesInside(g) : [])),
  ])
  return [...names, ...graph.output.map(({ name }) => name)]
}

const bytesPerElement: Partial<Record<ElementType, number>> = {
  int8: 1,
  uint8: 1,
  bool: 1,
  int16: 2,
  uint16: 2,
  float16: 2,
  bfloat16: 2,
  int32: 4,
  uint32: 4,
  float32: 4,
  int64: 8,
  uint64: 8,
  float64: 8,
}

const byteLength = ({ type, dims }: Pick<Constant, 'type' | 'dims'>) =>
  dims.reduce((product, dim) => product * dim, bytesPerElement[type] ?? 0)

/**
 * ONNX stores numbers as raw bytes or in a field of their type; narrow types, including the bits of half floats, are in
 * int32Data.
 */
function bytesOf(tensor: TensorProto): Uint8Array {
  const { rawData, floatData, int32Data, int64Data, doubleData, uint64Data, dataType } = tensor
  if (rawData.length > 0) return rawData
  const width = bytesPerElement[typeName(dataType)]
  const narrow = width === 1 ? Uint8Array : width === 2 ? Uint16Array : Int32Array
  const wide = width === 4 ? Uint32Array.from(uint64Data, Number) : BigUint64Array.from(uint64Data)
  const fields = [
    Float32Array.from(floatData),
    narrow.from(int32Data),
    BigInt64Array.from(int64Data),
    Float64Array.from(doubleData),
    wide,
  ]
  const filled = fields.find(({ length }) => length > 0)
  return filled ? new Uint8Array(filled.buffer) : new Uint8Array(0)
}
