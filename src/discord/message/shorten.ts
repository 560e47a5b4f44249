/** At most `longest` UTF-16 units, which is what Discord counts. No emoji is cut in two. */
export function shorten(text: string, longest: number): string {
  if (text.length <= longest) return text
  const kept = text.slice(0, longest - 1).replace(/[\uD800-\uDBFF]$/, '')
  return `${kept.trimEnd()}…`
}
