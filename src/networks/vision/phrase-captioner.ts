import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Caption, Variation } from '../../diffusion/model.ts'
import { cosine, rows } from '../../tensor/math.ts'
import type { Tensor } from '../../tensor/tensor.ts'

/** `captioner/phrases.json`: the phrases that can describe a picture. */
export interface PhraseBank {
  readonly things: readonly string[]
  /** One phrase of each is chosen. If `said` is `unless first`, the first is the default and left out. */
  readonly attributes: readonly { readonly said: 'always' | 'unless first'; readonly phrases: readonly string[] }[]
}

export async function readPhrases(folder: string): Promise<PhraseBank> {
  return JSON.parse(await readFile(join(folder, 'captioner', 'phrases.json'), 'utf8'))
}

/** How much nearer, as a cosine, a phrase must be than the default, or than the phrase of the similar picture. */
const DOUBT = 0.01
const LIKENESS = 0.03

/** So many of the phrases are asked again once the rest is known. */
const AGAIN = 8

/**
 * Zero-shot: for each attribute the phrase whose text is nearest to the picture in CLIP's joint space, one attribute
 * after another, then the likeliest once more given the rest (as CLIP Interrogator does).
 * @param embed prompts → [n, width], not normalised
 * @param like The caption of a picture of which this one is a variation: its phrases are kept unless clearly wrong.
 */
export async function captionOf(
  picture: Tensor,
  bank: PhraseBank,
  embed: (prompts: readonly string[]) => Promise<Tensor>,
  like?: Caption,
): Promise<Caption> {
  /** The nearest first; `favourite` starts `ahead` of the others. */
  const ranked = async (
    choices: readonly string[],
    captionWith: (phrase: string) => string,
    favourite?: string,
    ahead = LIKENESS,
  ): Promise<string[]> => {
    const texts = await embed(choices.map(captionWith))
    const scores = choices.map((choice, n) => {
      return { choice, score: cosine(picture, rows(texts, n, n + 1)) + (choice === favourite ? ahead : 0) }
    })
    return scores.sort((one, other) => other.score - one.score).map(({ choice }) => choice)
  }
  let things = bank.things
  let thing = like?.thing ?? (await ranked(things, (phrase) => phrase))[0]!
  let choices = bank.attributes.map(({ phrases }) => phrases)
  const chosen = new Map(like?.attributes.entries())
  const caption = (at?: number, phrase?: string) =>
    inWords(
      bank,
      thing,
      bank.attributes.map((_, index) => (index === at ? phrase : chosen.get(index))),
    )
  for (let round = 0; round < 2; round++) {
    const next: string[][] = []
    for (const [index, { said, phrases }] of bank.attributes.entries()) {
      const usual = said === 'unless first' ? phrases[0] : undefined
      const [favourite, ahead] = like ? [like.attributes[index], LIKENESS] : [usual, DOUBT]
      const order = await ranked(choices[index]!, (phrase) => caption(index, phrase), favourite, ahead)
      chosen.set(index, order[0]!)
      next.push(order.slice(0, AGAIN))
    }
    const rest = caption().slice(thing.length)
    const order = await ranked(things, (phrase) => phrase + rest, like?.thing)
    thing = order[0]!
    things = order.slice(0, AGAIN)
    choices = next
  }
  return { thing, full: caption(), attributes: bank.attributes.map((_, index) => chosen.get(index)!) }
}

/** Every caption that differs from this one in one phrase. */
export function variationsOf({ thing, attributes }: Caption, bank: PhraseBank): Variation[] {
  const variation = (attribute: number, phrases: string): Variation => {
    const said = attributes.map((phrase, index) => (index === attribute ? phrases : phrase))
    const other = attribute < 0 ? phrases : thing
    return { attribute, phrases, caption: { thing: other, attributes: said, full: inWords(bank, other, said) } }
  }
  return [
    ...bank.things.filter((phrase) => phrase !== thing).map((phrase) => variation(-1, phrase)),
    ...bank.attributes.flatMap(({ phrases }, index) =>
      phrases.filter((phrase) => phrase !== attributes[index]).map((phrase) => variation(index, phrase)),
    ),
  ]
}

/** @param attributes Those not yet known are left out. */
function inWords(bank: PhraseBank, thing: string, attributes: readonly (string | undefined)[]): string {
  const said = bank.attributes.flatMap(({ said, phrases }, index) => {
    const word = attributes[index]
    return word === undefined || (said === 'unless first' && word === phrases[0]) ? [] : [word]
  })
  return [thing, ...said].join(', ')
}
