import { UserError } from '../errors.ts'

const longest = 32

/** Emoji that may be made of several code points, some of them invisible. */
const emoji =
  /\p{RGI_Emoji}|\p{Extended_Pictographic}\uFE0F?\p{Emoji_Modifier}?(?:\u200D\p{Extended_Pictographic}\uFE0F?\p{Emoji_Modifier}?)*/gv
/** In these scripts two invisible characters decide how their neighbours are written. */
const joiner =
  /(?<=[\p{scx=Arab}\p{scx=Deva}\p{scx=Beng}\p{scx=Guru}\p{scx=Gujr}\p{scx=Orya}\p{scx=Taml}\p{scx=Telu}\p{scx=Knda}\p{scx=Mlym}\p{scx=Sinh}])[\u200C\u200D](?=\p{L})/gv
const allowed = /^[[\p{L}\p{M}\p{N} _'’.,!?\&+→·・\-]--\p{Default_Ignorable_Code_Point}]*$/v
/** Combining marks on nothing, or more of them than any script needs: they would cover the text around them. */
const strayMarks = /(?<![\p{L}\p{N}\p{M}])\p{M}|\p{M}{5}/u

/**
 * The name as it is stored: NFC, with single spaces and none at either end.
 * @param name 1–32 code points: letters, numbers, emoji, spaces and some punctuation; nothing invisible.
 * @throws UserError
 */
export function checkName(name: string): string {
  const tidy = tidyName(name)
  const length = [...tidy].length
  if (length > longest) {
    throw new UserError('A name has at most {longest} characters, and this one has {length}.', { longest, length })
  }
  const rest = tidy.replace(emoji, ' ').replace(joiner, '')
  if (!allowed.test(rest) || strayMarks.test(rest)) {
    throw new UserError(
      "A name is made of letters, numbers, emoji, spaces and - _ ' . , ! ? & +: please choose another.",
    )
  }
  if (!/[\p{L}\p{N}]/u.test(rest) && rest === tidy) throw new UserError('A name needs a letter, a number or an emoji.')
  return tidy
}

/**
 * Equal for names that people would call the same, whatever their case and however their accents and emoji are encoded.
 */
export function foldName(name: string): string {
  // Upper case in the middle makes ß and ss, ς and σ, ı and i equal; lower case first handles ẞ.
  const folded = tidyName(name).toLowerCase().toUpperCase().toLowerCase()
  return folded.replace(/\p{Default_Ignorable_Code_Point}/gu, '').normalize('NFC')
}

const tidyName = (name: string) =>
  name
    .normalize('NFC')
    .replace(/\p{Zs}+/gu, ' ')
    .trim()
