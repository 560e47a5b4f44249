const secretNames = /token|secret|passw(?:or)?d|authorization|cookie|api.?key|credential|signature|\bhm\b/i
const tooDeep = 6
const mostEntries = 50
const longestText = 4000

/**
 * A copy that is safe to write: plain data of bounded size without tokens, signed addresses and pictures. Never throws.
 *
 * @param secrets Removed wherever they occur.
 */
export function scrub(value: unknown, secrets: readonly string[], depth = 0, above: readonly object[] = []): unknown {
  if (typeof value === 'string') return scrubText(value, secrets)
  if (typeof value === 'function') return '<function>'
  if (typeof value === 'bigint' || typeof value === 'symbol') return scrubText(String(value), secrets)
  if (typeof value !== 'object' || value === null) return value
  try {
    return scrubObject(value, secrets, depth, above)
  } catch {
    // A getter or a proxy that throws.
    return '<unreadable>'
  }
}

function scrubObject(value: object, secrets: readonly string[], depth: number, above: readonly object[]): unknown {
  if (ArrayBuffer.isView(value)) return `<${value.byteLength} bytes>`
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return `<${value.byteLength} bytes>`
  if (value instanceof Blob) return `<${value.size} bytes>`
  if (value instanceof Date) return String(value)
  if (value instanceof URL || value instanceof RegExp) return scrubText(String(value), secrets)
  if (above.includes(value)) return '<circular>'
  if (depth === tooDeep) return '<deep>'
  const inner = (one: unknown) => scrub(one, secrets, depth + 1, [...above, value])
  if (isBytes(value)) return '<bytes>'
  if (Array.isArray(value)) return value.slice(0, mostEntries).map(inner)
  if (value instanceof Set) return [...value].slice(0, mostEntries).map(inner)
  const named = value instanceof Map ? [...value] : Object.entries(value)
  const fields = named.slice(0, mostEntries).map(([key, one]) => {
    const field = scrubText(typeof key === 'string' ? key : typeof key, secrets)
    return [field, secretNames.test(field) ? '<secret>' : inner(one)] as const
  })
  if (!(value instanceof Error)) return Object.fromEntries(fields)
  // An error's own fields are not enumerable.
  const { name: type, message, stack, cause } = value
  return Object.fromEntries([
    ...fields,
    ['type', inner(type)],
    ['message', inner(message)],
    ['stack', inner(stack)],
    ['cause', inner(cause)],
  ])
}

/** A picture that was turned into JSON: `{"type": "Buffer", "data": […]}`, `[137, 80, …]` or `{"0": 137, …}`. */
function isBytes(value: object): boolean {
  const { type, data } = value as { type?: unknown; data?: unknown }
  if (type === 'Buffer' && Array.isArray(data)) return true
  const values = Object.values(value)
  const isByte = (one: unknown) => typeof one === 'number' && Number.isInteger(one) && one >= 0 && one < 256
  return values.length > 32 && Object.keys(value)[0] === '0' && values.every(isByte)
}

function scrubText(text: string, secrets: readonly string[]): string {
  const bounded = text.length > 2 * longestText ? text.slice(0, lastSpace(text, 2 * longestText)) : text
  const known = secrets.filter(Boolean).reduce((left, secret) => left.replaceAll(secret, '<secret>'), bounded)
  const clean = patterns.reduce((left, [pattern, instead]) => left.replaceAll(pattern, instead), known)
  return text.length > longestText ? `${clean.slice(0, longestText)} … (${text.length} characters)` : clean
}

/** The text is cut between words: half a token would not be recognised. */
function lastSpace(text: string, before: number): number {
  let end = before
  while (end > 0 && !/\s/.test(text[end - 1]!)) end--
  return end
}

const patterns: readonly (readonly [RegExp, string])[] = [
  // Signed addresses: only an invitation keeps what follows the `?`.
  [/(https?:\/\/(?!discord\.com\/oauth2\/authorize\?)[^\s"'<>?]*)\?[^\s"'<>]*/gi, '$1?<signed>'],
  // An interaction's or a webhook's token in an address.
  [/((?:webhooks|interactions)\/\d+\/)[^\s/"'<>?]+/gi, '$1<token>'],
  // A bot's token, and an interaction's, which is base64 of "interaction:…".
  [/[\w-]{23,30}\.[\w-]{6,8}\.[\w-]{25,}/g, '<token>'],
  [/aW50ZXJhY3Rpb24[\w+/=-]{8,}/g, '<token>'],
  [/\b(Bot|Bearer|Basic)\s+[\w.~+/=-]{16,}/g, '$1 <token>'],
  // `token: …`, `"password": "…"`, `hm=…` (Discord's signature) inside a text.
  [
    new RegExp(
      `([\\w-]{0,30}(?:${secretNames.source})[\\w-]{0,30}["']?\\s*(?:=>?|:)\\s*)("[^"]*"|'[^']*'|[^\\s"',;&}]+)`,
      'gi',
    ),
    '$1<secret>',
  ],
  // A picture in an address.
  [/data:[\w/+.-]+;base64,[\w+/=]+/gi, '<data>'],
  // A picture as numbers, `137,80,…` or `"0":137,"1":80,…`.
  [/(?:(?:"\d+":\s*)?\b\d{1,3},\s*){32,}/g, '<bytes>,'],
]
