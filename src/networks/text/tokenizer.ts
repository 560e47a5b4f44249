import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { brotliDecompressSync } from 'node:zlib'
import { Tokenizer as HubTokenizer } from '@huggingface/tokenizers'
import { UserError } from '../../errors.ts'
import { readJson } from '../json.ts'

/** CLIP's tokenizer, or T5's. Ids are rows of the text encoder's embedding table. */
export interface Tokenizer {
  /** The ids of `text`, without the begin and end tokens, neither cut nor padded. */
  encode(text: string): number[]
  /** CLIP's only. */
  readonly bos?: number
  /** What separates the difference tokens from the prompt. */
  readonly comma: readonly number[]
  readonly eos: number
  /** The id that pads a sequence: CLIP's end token for SD 1.x, "!" (id 0) for SD 2.x and SDXL's second encoder. */
  readonly pad: number
  /** The number of ids in a full sequence, including the begin and end tokens. */
  readonly maxLength: number
}

/**
 * Reads a diffusers `tokenizer/` folder: vocab.json and merges.txt, or only tokenizer.json.
 * @throws UserError if the folder has no CLIP tokenizer
 */
export async function loadTokenizer(folder: string): Promise<Tokenizer> {
  const model = await readModel(folder).catch((cause) => {
    throw new UserError(`Expected vocab.json and merges.txt of a CLIP tokenizer in ${folder}.`, {}, { cause })
  })
  return tokenizerOf(model, await readSpecials(folder), folder)
}

/**
 * CLIP's own tokenizer, for models that come without one. It is the same for all of them except for the padding.
 * @param pad `end` in Stable Diffusion 1.x and SDXL's first encoder, `!` in 2.x and SDXL's second.
 */
export async function clipTokenizer(pad: 'end' | '!'): Promise<Tokenizer> {
  const packed = await readFile(join(import.meta.dirname, 'vocabulary', 'clip-merges.txt.br'))
  const merges = brotliDecompressSync(packed).toString().split('\n')
  const letters = [...BYTE_LETTERS].sort()
  const words = [
    ...letters,
    ...letters.map((letter) => `${letter}</w>`),
    ...merges.map((pair) => pair.replace(' ', '')),
  ]
  const [begin, end] = ['<|startoftext|>', '<|endoftext|>']
  const vocab = Object.fromEntries([...words, begin!, end!].map((word, id) => [word, id]))
  const roles = { bos_token: begin!, eos_token: end!, unk_token: end!, pad_token: pad === 'end' ? end! : '!' }
  return tokenizerOf({ vocab, merges }, { added: new Map(), roles, maxLength: CLIP_LENGTH }, 'CLIP')
}

function tokenizerOf({ vocab, merges }: Model, { added, roles, maxLength }: Specials, where: string): Tokenizer {
  const idOf = (name: string): number => {
    const id = vocab[name] ?? added.get(name)
    if (id === undefined) throw new UserError(`The tokenizer in ${where} has no token ${JSON.stringify(name)}.`)
    return id
  }
  const eos = idOf(roles.eos_token)
  for (const name of Object.values(roles)) added.set(name, idOf(name))
  const tokenizer = new HubTokenizer(
    {
      ...FORM,
      // Special names are ids wherever they occur, so a plain "!" is the padding token where "!" pads.
      added_tokens: [...added].map(([content, id]) => ({ ...SPECIAL, id, content })),
      model: { ...BYTE_PAIRS, unk_token: roles.unk_token ?? roles.eos_token, vocab, merges },
    },
    {},
  )
  // Lowercase letters must not depend on their neighbours, as in JavaScript that of the Greek sigma does.
  const encode = (text: string): number[] =>
    tokenizer.encode(text.replaceAll('Σ', 'σ'), { add_special_tokens: false }).ids
  const pad = roles.pad_token ? idOf(roles.pad_token) : eos
  return { bos: idOf(roles.bos_token), comma: encode(','), eos, pad, maxLength, encode }
}

/** What CLIP's tokenizer does, as a tokenizer.json says it. */
const FORM = {
  version: '1.0',
  post_processor: null,
  decoder: null,
  normalizer: {
    type: 'Sequence',
    normalizers: [
      { type: 'NFC' },
      { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
      { type: 'Lowercase' },
    ],
  },
  pre_tokenizer: {
    type: 'Sequence',
    pretokenizers: [
      {
        type: 'Split',
        pattern: { Regex: "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+" },
        behavior: 'Removed',
        invert: true,
      },
      { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    ],
  },
}
const SPECIAL = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }
const BYTE_PAIRS = { type: 'BPE', continuing_subword_prefix: '', end_of_word_suffix: '</w>', fuse_unk: false }

interface Model {
  readonly vocab: Readonly<Record<string, number>>
  /** "left right", or both apart, in the order in which they were learned. */
  readonly merges: readonly (string | readonly [string, string])[]
}

interface Specials {
  readonly added: Map<string, number>
  readonly roles: Names
  readonly maxLength: number
}

/** The visible character that stands for each byte in the vocabulary. */
const BYTE_LETTERS: readonly string[] = (() => {
  const visible = (byte: number) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173)
  let hidden = 0
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(visible(byte) ? byte : 256 + hidden++))
})()

async function readModel(folder: string): Promise<Model> {
  const vocab = await readJson<Record<string, number>>(join(folder, 'vocab.json'))
  if (!vocab) return JSON.parse(await readFile(join(folder, 'tokenizer.json'), 'utf8')).model
  const lines = (await readFile(join(folder, 'merges.txt'), 'utf8')).split('\n').map((line) => line.trim())
  return { vocab, merges: lines.filter((line) => line && !line.startsWith('#version')) }
}

const ROLES = ['bos_token', 'eos_token', 'pad_token', 'unk_token'] as const
type Role = (typeof ROLES)[number]
type Names = Partial<Record<Role, string>> & { bos_token: string; eos_token: string }
type Name = string | { content: string }
type Config = Partial<Record<Role, Name>> & {
  model_max_length?: number
  added_tokens_decoder?: Record<string, { content: string }>
}

/** SD 2.x has one padding token in its config and another in its special_tokens_map; the map counts. */
async function readSpecials(folder: string): Promise<Specials> {
  const config = (await readJson<Config>(join(folder, 'tokenizer_config.json'))) ?? {}
  const map = (await readJson<Config>(join(folder, 'special_tokens_map.json'))) ?? {}
  const roles: Names = { bos_token: '<|startoftext|>', eos_token: '<|endoftext|>' }
  for (const role of ROLES) {
    const name = map[role] ?? config[role]
    if (name) roles[role] = typeof name === 'string' ? name : name.content
  }
  const added = new Map<string, number>()
  for (const [id, { content }] of Object.entries(config.added_tokens_decoder ?? {})) added.set(content, Number(id))
  const stated = config.model_max_length ?? CLIP_LENGTH
  // An unset length is written as 1e30.
  return { added, roles, maxLength: Number.isSafeInteger(stated) ? stated : CLIP_LENGTH }
}

const CLIP_LENGTH = 77
