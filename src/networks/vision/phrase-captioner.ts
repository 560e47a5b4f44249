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

/**
 * Zero-shot: for each attribute the phrase whose text is nearest to the picture in CLIP's joint space, one attribute
 * after another, then all once more given the rest (as CLIP Interrogator does).
 * @param embed prompts → [n, width], not normalised
 * @param like The caption of a picture of which this one is a variation: its phrases are kept unless clearly wrong.
 */
export async function captionOf(
  picture: Tensor,
  bank: PhraseBank,
  embed: (prompts: readonly string[]) => Promise<Tensor>,
  like?: Caption,
): Promise<Caption> {
  /** `favourite` starts `ahead` of the others. */
  const nearest = async (
    choices: readonly string[],
    captionWith: (phrase: string) => string,
    favourite?: string,
    ahead = LIKENESS,
  ) => {
    const texts = await embed(choices.map(captionWith))
    const scores = choices.map((_, n) => {
      const score = cosine(picture, rows(texts, n, n + 1))
      return choices[n] === favourite ? score + ahead : score
    })
    return choices[scores.indexOf(Math.max(...scores))]!
  }
  let thing = like?.thing ?? (await nearest(bank.things, (phrase) => phrase))
  const chosen = new Map(like?.attributes.entries())
  const caption = (at?: number, phrase?: string) =>
    inWords(
      bank,
      thing,
      bank.attributes.map((_, index) => (index === at ? phrase : chosen.get(index))),
    )
  for (let round = 0; round < 2; round++) {
    for (const [index, { said, phrases }] of bank.attributes.entries()) {
      const usual = said === 'unless first' ? phrases[0] : undefined
      const [favourite, ahead] = like ? [like.attributes[index], LIKENESS] : [usual, DOUBT]
      chosen.set(index, await nearest(phrases, (phrase) => caption(index, phrase), favourite, ahead))
    }
    const rest = caption().slice(thing.length)
    thing = await nearest(bank.things, (phrase) => phrase + rest, like?.thing)
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
