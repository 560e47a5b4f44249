import type { DiffusionModel } from '../diffusion/model.ts'
import { meanSquare } from '../tensor/math.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type DeltaOptions, editByDelta } from './delta-editing.ts'
import type { Name } from './naming.ts'

interface TriedPair {
  /** Pixels [3, side, side] in −1…1. */
  readonly a: Tensor
  readonly a2: Tensor
  /** A's caption. */
  readonly prompt: string
}

/**
 * Of the likeliest names, the one whose words in the place of D bring A nearest to A′ by delta editing, the more so the
 * likelier and shorter it is. What a direction can't tell, a wrong second phrase or a neighbouring value, shows in the
 * picture.
 *
 * @param names The likeliest first.
 * @returns `undefined` if there is none
 */
export async function tryNames(
  model: DiffusionModel,
  { a, a2, prompt }: TriedPair,
  names: readonly Name[],
  options: DeltaOptions,
): Promise<Name | undefined> {
  const tried = names.slice(0, TRIED)
  if (tried.length < 2) return tried[0]
  const [before, after] = [await model.encodePicture(a), await model.encodePicture(a2)]
  const whole = meanSquare(before, after)
  const edits = tried.map(({ phrases }) => ({
    differences: [{ tokens: model.embedWords(phrases, MOST_WORDS), strength: 1 }],
  }))
  const made = await editByDelta(model, before, prompt, edits, options)
  const scored = tried.map((name, index) => {
    const left = Math.sqrt(meanSquare(made[index]!, after) / whole)
    const further = name.phrases.split(', ').length - 1
    return { name, score: LIKELY * name.likeness - left - FURTHER * further }
  })
  return scored.reduce((best, each) => (each.score > best.score ? each : best)).name
}

const TRIED = 8
/** Words of a name that D starts from. */
export const MOST_WORDS = 10

/** What likeness counts against the share of A → A′ that is left, and what each phrase after the first has to gain. */
const LIKELY = 0.2
const FURTHER = 0.06
