import { shorten } from './shorten.ts'

/**
 * Text from a file or a model as inline code on one line: nothing in it is formatted, linked or mentioned.
 * @param longest In UTF-16 units.
 */
export function code(text: string, longest = 100): string {
  const plain = text.replaceAll(/[\p{C}\p{Z}`]+/gu, ' ').trim() || '?'
  return `\`${shorten(plain, longest)}\``
}
