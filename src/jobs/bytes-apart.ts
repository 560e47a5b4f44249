import { deserialize, serialize } from 'node:v8'

/** Plain data, and the byte arrays that were in it, each once. */
interface Apart {
  /** One for each value given, serialized; where byte arrays were there are their numbers. */
  readonly frames: readonly Uint8Array[]
  readonly bytes: readonly Uint8Array[]
}

const mark = '\u0000bytes'

/** Takes the byte arrays out of plain data; one that occurs several times is kept once. */
export function takeApart(...values: readonly unknown[]): Apart {
  const numbers = new Map<Uint8Array, number>()
  const take = (value: unknown): unknown => {
    if (value instanceof Uint8Array) {
      if (!numbers.has(value)) numbers.set(value, numbers.size)
      return { [mark]: numbers.get(value) }
    }
    return mapParts(value, take)
  }
  const frames = values.map((value) => serialize(take(value)))
  return { frames, bytes: [...numbers.keys()] }
}

/** The data again; byte arrays that are not given are empty. */
export function putTogether<Value>(frame: Uint8Array, bytes: readonly Uint8Array[] = []): Value {
  const put = (value: unknown): unknown => {
    const number = typeof value === 'object' && value !== null ? (value as Record<string, number>)[mark] : undefined
    return number === undefined ? mapParts(value, put) : (bytes[number] ?? new Uint8Array(0))
  }
  return put(deserialize(frame)) as Value
}

function mapParts(value: unknown, map: (part: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map(map)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, map(part)]))
}
