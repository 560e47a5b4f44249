import { quoted, type UserError } from '../errors.ts'
import { type Sentence, sentence } from '../sentence.ts'

/** A tensor as the header of a `.safetensors` file describes it. */
export interface SafetensorsEntry {
  readonly name: string
  /** The format's name for it: `F32`, `F16`, … */
  readonly type: string
  readonly dims: readonly number[]
  /** Byte offsets after the header: from `start` (inclusive) to `end` (exclusive). */
  readonly start: number
  readonly end: number
}

interface SafetensorsHeader {
  readonly entries: readonly SafetensorsEntry[]
  readonly metadata: Readonly<Record<string, string>>
}

/** Creates the error for a damaged file. */
type Refuse = (reason: Sentence) => UserError

/**
 * As strict as the format's own library: names are unique, and the tensors cover the data exactly, without holes or
 * overlaps.
 *
 * @param bytes The header's JSON.
 * @param dataBytes The number of bytes after it.
 * @param bytesPerNumber Of a type; may throw for a type that is not supported.
 */
export function parseSafetensorsHeader(
  bytes: Uint8Array,
  dataBytes: number,
  bytesPerNumber: (type: string, name: string) => number,
  refuse: Refuse,
): SafetensorsHeader {
  const { text, header } = parseHeader(bytes, refuse)
  const { __metadata__: metadata = {}, ...described } = header
  if (!isRecord(metadata) || !Object.values(metadata).every((value) => typeof value === 'string')) {
    throw refuse(sentence('its metadata is not text'))
  }
  const entries = Object.entries(described).map(([name, entry]) => readEntry(name, entry, bytesPerNumber, refuse))
  // JSON.parse keeps the last of two equal names, so the names it kept are counted against those in the text.
  const kept = Object.keys(header).length + Object.keys(metadata).length + 3 * entries.length
  const written = [...text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?/g)].filter(([, colon]) => colon).length
  if (written !== kept) throw refuse(sentence('a name occurs twice'))
  checkLayout(entries, dataBytes, refuse)
  return { entries, metadata: metadata as Record<string, string> }
}

function parseHeader(bytes: Uint8Array, refuse: Refuse) {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    const header: unknown = JSON.parse(text)
    if (isRecord(header)) return { text, header }
  } catch (cause) {
    throw Object.assign(refuse(sentence('its header is unreadable')), { cause })
  }
  throw refuse(sentence('its header is unreadable'))
}

function readEntry(
  name: string,
  entry: unknown,
  bytesPerNumber: (type: string, name: string) => number,
  refuse: Refuse,
): SafetensorsEntry {
  const which = quoted(name)
  if (!isRecord(entry) || Object.keys(entry).length !== 3)
    throw refuse(sentence('{which} is not described properly', { which }))
  const { dtype: type, shape: dims, data_offsets: offsets } = entry
  if (!isWholeNumbers(dims) || !isWholeNumbers(offsets) || offsets.length !== 2 || typeof type !== 'string') {
    throw refuse(sentence('{which} is not described properly', { which }))
  }
  const [start, end] = offsets as [number, number]
  const size = dims.reduce((product, dim) => product * dim, bytesPerNumber(type, name))
  if (end - start !== size) throw refuse(sentence('the shape of {which} does not match its data', { which }))
  return { name, type, dims, start, end }
}

function checkLayout(entries: readonly SafetensorsEntry[], dataBytes: number, refuse: Refuse) {
  let covered = 0
  for (const { start, end } of entries.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    if (start !== covered) throw refuse(sentence('its tensors overlap or leave holes'))
    covered = end
  }
  if (covered !== dataBytes) throw refuse(sentence('its tensors do not fill the file'))
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isWholeNumbers = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0)
