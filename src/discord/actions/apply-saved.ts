import type { ApplyJob, JobOptions } from '../../jobs/protocol.ts'
import type { SavedDifference } from '../../store/differences.ts'
import type { ServerSettings } from '../../store/settings.ts'
import type { Call, Services } from '../interaction/command.ts'
import { modelNamed, newSeed } from '../interaction/options.ts'
import { pictureName } from '../message/picture-name.ts'
import { type Button, buttonRow, type Post, textPost, withRows } from '../message/post.ts'
import { bold } from './saved.ts'

/** One difference, or two that are added. */
export type Chosen = readonly [SavedDifference, SavedDifference?]

/** What the person asked for. The rest is as it was saved. */
export type Wishes = Partial<Pick<JobOptions, 'strength' | 'preserve' | 'seed'>>

/** Puts the job into the queue. `strength` is for the first difference; a second one is as strong as it was saved. */
export function applySaved(
  { place, models }: Pick<Call, 'place' | 'models'>,
  settings: ServerSettings,
  [first, second]: Chosen,
  image: Uint8Array,
  wishes: Wishes = {},
): Promise<void> {
  const { facts, pictures, pairs = [] } = first
  const strength = wishes.strength ?? facts.strength ?? settings.strength
  const differences: ApplyJob['differences'][number][] = [{ bytes: first.bytes, strength }]
  if (second) differences.push({ bytes: second.bytes, strength: second.facts.strength ?? 1 })
  const options: JobOptions = {
    ...{ model: modelInUse(settings, models), mode: 'fast', seed: wishes.seed ?? newSeed() },
    ...{ strength, preserve: wishes.preserve ?? facts.preserve },
  }
  const { a, a2 } = pairs[0] ?? pictures
  return place(
    { kind: 'apply', differences, image, options },
    {
      ...{ type: 'show', pairs: pairs.slice(0, 1), names: second ? [first.name, second.name] : [first.name] },
      learned: { facts, pictures },
      fileNames: { a: a && pictureName('a', a), a2: a2 && pictureName('a2', a2), b: pictureName('b', image) },
    },
  )
}

/**
The first that was learned on another model than is used here, and so is of no use. Only the worker can tell models of one
name apart, and knows the name of one that is given as a path.
*/
export function ofOtherModel(
  chosen: Chosen,
  settings: ServerSettings,
  models: Services['models'],
): SavedDifference | undefined {
  const model = modelInUse(settings, models)
  const isPath = /[/\\]/.test(model)
  return chosen.find((saved) => !isPath && saved && saved.facts.model !== model)
}

export const modelInUse = ({ model }: ServerSettings, models: Services['models']): string =>
  modelNamed(model ?? models.usual, models)

/** What is said instead of applying it. */
export function otherModelPost({ name, facts, pairs = [] }: SavedDifference, model: string): Post {
  const sentence = `${bold(name)} was learned on the model ${bold(facts.model)}, but ${bold(model)} is used here.`
  if (pairs.length > 0) return withRows(textPost(sentence), buttonRow([relearnButton(name)]))
  return textPost(`${sentence} Its pictures are not kept, so it would have to be learned anew with \`/learn\`.`)
}

/** commands/apply-diff.ts answers. */
export const relearnButton = (name: string): Button => ({
  label: 'Learn it again on this model',
  action: `relearn:${name}`,
})
