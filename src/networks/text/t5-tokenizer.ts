import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Tokenizer } from '@huggingface/tokenizers'
import { UserError } from '../../errors.ts'
import { readJson } from '../json.ts'

/**
 * Reads T5's tokenizer, `tokenizer.json`. The result turns a text into `length` ids: words (a long text is cut), the
 * end token, padding.
 * @throws UserError if the folder has no such tokenizer
 */
export async function loadT5Tokenizer(folder: string): Promise<(text: string, length: number) => number[]> {
  const path = join(folder, 'tokenizer.json')
  const known = await readJson<TokenizerFile>(path)
  const type = known?.model?.type ?? 'Unigram'
  if (!known || type !== 'Unigram') {
    const old = existsSync(join(folder, 'spiece.model')) ? ' beside its spiece.model' : ''
    throw new UserError(`Expected a tokenizer.json of T5 in ${folder}${old}: download the model again with it.`)
  }
  const config = (await readJson<object>(join(folder, 'tokenizer_config.json'))) ?? {}
  const tokenizer = new Tokenizer(known, config)
  const [end, padding] = ['</s>', '<pad>'].map((name) => {
    const id = tokenizer.token_to_id(name)
    if (id === undefined) throw new UserError(`The tokenizer in ${folder} has no token ${name}.`)
    return id
  }) as [number, number]
  return (text, length) => {
    const words = tokenizer.encode(withPlainSpaces(text), { add_special_tokens: false }).ids.slice(0, length - 1)
    return [...words, end, ...Array<number>(length - 1 - words.length).fill(padding)]
  }
}

/**
 * JavaScript treats one space too few (next line) and one character too many (the byte order mark) as white space;
 * these stand in for them.
 */
const withPlainSpaces = (text: string) => text.replaceAll('\u0085', ' ').replaceAll('\ufeff', '\u200b')

interface TokenizerFile {
  readonly model?: { readonly type?: string }
}
