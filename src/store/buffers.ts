/** The memory of every Uint8Array in plain data, so that it can be moved to another thread instead of copied. */
export function buffersIn(data: unknown): ArrayBuffer[] {
  if (data instanceof Uint8Array) return [data.buffer as ArrayBuffer]
  return typeof data === 'object' && data !== null ? Object.values(data).flatMap(buffersIn) : []
}
