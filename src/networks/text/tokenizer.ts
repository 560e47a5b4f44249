import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { brotliDecompressSync } from 'node:zlib'
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
  const merges = brotliDecompressSync(packed).toString().split('\n').map(pairOf)
  const letters = [...BYTE_LETTERS].sort()
  const words = [...letters, ...letters.map((letter) => `${letter}</w>`), ...merges.map((pair) => pair.join(''))]
  const [begin, end] = ['<|startoftext|>', '<|endoftext|>']
  const vocab = new Map([...words, begin!, end!].map((word, id) => [word, id]))
  const roles = { bos_token: begin!, eos_token: end!, unk_token: end!, pad_token: pad === 'end' ? end! : '!' }
  return tokenizerOf({ vocab, merges }, { added: new Map(), roles, maxLength: CLIP_LENGTH }, 'CLIP')
}

function tokenizerOf({ vocab, merges }: Model, { added, roles, maxLength }: Specials, where: string): Tokenizer {
  const idOf = (name: string): number => {
    const id = vocab.get(name) ?? added.get(name)
    if (id === undefined) throw new UserError(`The tokenizer in ${where} has no token ${JSON.stringify(name)}.`)
    return id
  }
  const eos = idOf(roles.eos_token)
  const unknown = roles.unk_token ? idOf(roles.unk_token) : eos
  for (const name of Object.values(roles)) added.set(name, idOf(name))

  const encodeWord = wordEncoder(vocab, merges, unknown)
  const longestFirst = [...added.keys()].sort((a, b) => b.length - a.length)
  const special = new RegExp(`(${longestFirst.map((name) => name.replace(/\W/g, '\\$&')).join('|')})`)
  // Special names are ids wherever they occur, so a plain "!" is the padding token where "!" pads.
  const encode = (text: string) =>
    text.split(special).flatMap((part) => {
      const id = added.get(part)
      return id === undefined ? (clean(part).match(WORDS) ?? []).flatMap(encodeWord) : [id]
    })
  const pad = roles.pad_token ? idOf(roles.pad_token) : eos
  return { bos: idOf(roles.bos_token), comma: encode(','), eos, pad, maxLength, encode }
}

interface Model {
  readonly vocab: ReadonlyMap<string, number>
  readonly merges: Merges
}

interface Specials {
  readonly added: Map<string, number>
  readonly roles: Names
  readonly maxLength: number
}

const WORDS = /'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\p{White_Space}\p{L}\p{N}]+/gu

/**
 * Letter by letter: `toLowerCase` of a whole string would consider the neighbours of a Greek sigma, which CLIP's
 * tokenizer doesn't.
 */
function clean(text: string): string {
  return Array.from(text.normalize('NFC'), (letter) => letter.toLowerCase()).join('')
}

type Merges = readonly (readonly [string, string])[]

/** Merges the pair of lowest rank until there is none left, in the order in which merges were learned. */
function wordEncoder(vocab: ReadonlyMap<string, number>, merges: Merges, unknown: number): (word: string) => number[] {
  const size = Math.max(...vocab.values()) + 1
  const ranks = new Map<number, { rank: number; merged: number }>()
  for (const [rank, [left, right]] of merges.entries()) {
    const [first, second, merged] = [vocab.get(left), vocab.get(right), vocab.get(left + right)]
    if (first === undefined || second === undefined || merged === undefined) continue
    ranks.set(first * size + second, { rank, merged })
  }
  return (word) => {
    const letters = Array.from(Buffer.from(word), (byte) => BYTE_LETTERS[byte]!)
    letters.push(`${letters.pop()}</w>`)
    let ids = letters.map((letter) => vocab.get(letter) ?? unknown)
    for (;;) {
      let best: { key: number; rank: number; merged: number } | undefined
      for (let at = 0; at + 1 < ids.length; at++) {
        const key = ids[at]! * size + ids[at + 1]!
        const pair = ranks.get(key)
        if (pair && (!best || pair.rank < best.rank)) best = { key, ...pair }
      }
      if (!best) return ids
      const next: number[] = []
      for (let at = 0; at < ids.length; at++) {
        const matches = at + 1 < ids.length && ids[at]! * size + ids[at + 1]! === best.key
        next.push(matches ? best.merged : ids[at]!)
        if (matches) at++
      }
      ids = next
    }
  }
}

/** The visible character that stands for each byte in the vocabulary. */
const BYTE_LETTERS: readonly string[] = (() => {
  const visible = (byte: number) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173)
  let hidden = 0
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(visible(byte) ? byte : 256 + hidden++))
})()

async function readModel(folder: string): Promise<Model> {
  const vocab = await readJson<Record<string, number>>(join(folder, 'vocab.json'))
  if (vocab) {
    const lines = (await readFile(join(folder, 'merges.txt'), 'utf8')).split('\n')
    const merges = lines.filter((line) => line.trim() && !line.startsWith('#version')).map(pairOf)
    return { vocab: new Map(Object.entries(vocab)), merges }
  }
  const whole = JSON.parse(await readFile(join(folder, 'tokenizer.json'), 'utf8'))
  return { vocab: new Map(Object.entries<number>(whole.model.vocab)), merges: whole.model.merges.map(pairOf) }
}

function pairOf(line: string | [string, string]): [string, string] {
  if (typeof line !== 'string') return line
  const [left = '', right = ''] = line.trim().split(' ')
  return [left, right]
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
