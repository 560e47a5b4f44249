import type { Caption, JointSpace, Variation } from '../diffusion/model.ts'
import { combine, cosine, rows, unit } from '../tensor/math.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** The phrases that say the difference. */
export interface Name {
  readonly phrases: string
  /** cos(E_T(A's caption with the phrases) − E_T(A's caption), E_I(A′) − E_I(A)). */
  readonly likeness: number
}

export interface NamingContext {
  readonly joint: JointSpace
  readonly variations: (caption: Caption) => readonly Variation[]
}

/**
 * Names a difference by its direction: of all changes of A's caption by one phrase, and of the likeliest by two, the
 * one whose text moves in CLIP's joint space as the picture did. The picture's own position there, which misleads a
 * captioner, cancels.
 *
 * @param direction E_I(A′) − E_I(A), of unit embeddings.
 * @param own The phrases in which the captioner's words for A and A′ differ, with that caption: kept if nearly as good.
 * @returns The likeliest first; of names that are nearly as good, the shorter. Empty if nothing can be varied.
 */
export async function nameDifference(
  { joint, variations }: NamingContext,
  direction: Tensor,
  a: Caption,
  own: readonly Pick<Variation, 'phrases' | 'caption'>[],
): Promise<Name[]> {
  const before = unit(await joint.embedText(a.full))
  const rank = async <Change extends Pick<Variation, 'phrases' | 'caption'>>(
    changes: readonly Change[],
  ): Promise<(Change & Name)[]> => {
    if (changes.length === 0) return []
    const texts = await joint.embedTexts(changes.map(({ caption }) => caption.full))
    const ranked = changes.map((change, index) => {
      const moved = combine([1, unit(flat(rows(texts, index, index + 1)))], [-1, before])
      return { ...change, likeness: cosine(moved, direction) }
    })
    return ranked.sort((one, other) => other.likeness - one.likeness)
  }
  const single = await rank(variations(a))
  const likely = likeliest(single)
  const twice = likely.flatMap((first, index) =>
    likely.slice(index + 1).flatMap((second) => {
      const both = variations(first.caption).find(
        ({ attribute, phrases }) =>
          attribute !== first.attribute && attribute === second.attribute && phrases === second.phrases,
      )
      return both ? [{ ...both, phrases: `${first.phrases}, ${second.phrases}` }] : []
    }),
  )
  const pairs = await rank(twice)
  const handicapped = [
    ...(await rank(own)).map((name) => ({ ...name, score: name.likeness + OWN })),
    ...single.map((name) => ({ ...name, score: name.likeness })),
    ...pairs.map((name) => ({ ...name, score: name.likeness - SECOND })),
  ].sort((one, other) => other.score - one.score)
  const seen = new Set<string>()
  return handicapped.flatMap(({ phrases, likeness }) => {
    if (seen.has(phrases)) return []
    seen.add(phrases)
    return [{ phrases, likeness }]
  })
}

/** What is known in words about a difference that was learned. */
export interface Said {
  readonly name?: string
  readonly captions?: { readonly a?: string }
}

/**
 * The caption of a picture that a difference is to be taken away from: what the difference says is said as A's caption
 * has it. Otherwise the words would hold what the difference no longer can take away.
 */
export function unsaid(
  variations: NamingContext['variations'],
  caption: Caption,
  { name = '', captions }: Said,
): Caption {
  const before = captions?.a?.split(', ') ?? []
  let made = caption
  for (const phrase of name.split(', ')) {
    const attribute = [made.thing, ...made.attributes].indexOf(phrase) - 1
    const others = variations(made).filter((each) => each.attribute === attribute)
    // What A's caption doesn't mention is the default, which makes a caption the shortest.
    const shortest = others.toSorted((one, other) => one.caption.full.length - other.caption.full.length)[0]
    made = (others.find(({ phrases }) => before.includes(phrases)) ?? shortest)?.caption ?? made
  }
  return made
}

/** The best few of each attribute, from which pairs are made. @param ranked The likeliest first. */
function likeliest<Change extends { readonly attribute: number }>(ranked: readonly Change[]): Change[] {
  const counts = new Map<number, number>()
  const best = ranked.filter(({ attribute }) => {
    const count = (counts.get(attribute) ?? 0) + 1
    counts.set(attribute, count)
    return count <= OF_EACH
  })
  return best.slice(0, PAIRED)
}

const OF_EACH = 3
const PAIRED = 16

/** The lead of the captioner's own words, and what a second phrase has to gain. */
const OWN = 0.03
const SECOND = 0.08

/** Below this no phrase says what the difference is. */
export const NAMEABLE = 0.5

const flat = ({ data }: Tensor): Tensor => ({ dims: [data.length], data })
