/** Bytes for a person: "44.5 MB", "5.1 GB"; M is 2²⁰, G is 2³⁰. */
export function readableSize(bytes: number): string {
  return bytes < 1000 * 2 ** 20 ? `${(bytes / 2 ** 20).toFixed(1)} MB` : `${(bytes / 2 ** 30).toFixed(1)} GB`
}
