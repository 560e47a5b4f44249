/** What is wrong with a sentence for a person, if anything. */
export function flawOf(sentence: string, subject: RegExp): string | undefined {
  // What came with the file stands between quotation marks.
  const ours = sentence.replaceAll(/“[^”]*”|`[^`]*`/g, 'X')
  if (sentence.length > 200) return `${sentence.length} characters long`
  if (/[\p{C}\p{Zl}\p{Zp}]/u.test(sentence)) return 'control characters'
  if (/[\\/]|node_modules|Error/.test(ours)) return 'a path or an inner word'
  if (ours.match(/[.!?](?=\s|$)/g)?.length !== 1 || !ours.endsWith('.')) return 'not one sentence'
  return subject.test(sentence) ? undefined : 'it does not name the file'
}
