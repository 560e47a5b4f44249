import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Tokenizer as HubTokenizer } from '@huggingface/tokenizers'
import { UserError } from '../../errors.ts'
import { readJson } from '../json.ts'
import type { Tokenizer } from './tokenizer.ts'

/**
 * Reads T5's tokenizer, `tokenizer.json`.
 * @param maxLength The number of ids in a full sequence, including the end token.
 * @throws UserError if the folder has no such tokenizer
 */
export async function loadT5Tokenizer(folder: string, maxLength: number): Promise<Tokenizer> {
  const path = join(folder, 'tokenizer.json')
  const known = await readJson<TokenizerFile>(path)
  const type = known?.model?.type ?? 'Unigram'
  if (!known || type !== 'Unigram') {
    const old = existsSync(join(folder, 'spiece.model')) ? ' beside its spiece.model' : ''
    throw new UserError(
      `There is no tokenizer.json of T5 in ${folder}${old}: take it from tokenizer_2 or tokenizer_3 of the model’s diffusers folder.`,
    )
  }
  const config = (await readJson<object>(join(folder, 'tokenizer_config.json'))) ?? {}
  const tokenizer = new HubTokenizer(known, config)
  const [eos, pad] = ['</s>', '<pad>'].map((name) => {
    const id = tokenizer.token_to_id(name)
    if (id === undefined) throw new UserError(`The tokenizer in ${folder} has no token ${name}.`)
    return id
  }) as [number, number]
  const encode = (text: string): number[] => tokenizer.encode(withPlainSpaces(text), { add_special_tokens: false }).ids
  // Without the space that comes before every other word.
  const comma = tokenizer.token_to_id(',')
  return { encode, comma: comma === undefined ? encode(',') : [comma], eos, pad, maxLength }
}

/**
 * JavaScript treats one space too few (next line) and one character too many (the byte order mark) as white space;
 * these stand in for them.
 */
const withPlainSpaces = (text: string) => text.replaceAll('\u0085', ' ').replaceAll('\ufeff', '\u200b')

interface TokenizerFile {
  readonly model?: { readonly type?: string }
}
