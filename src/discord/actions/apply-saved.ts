import type { ApplyJob, JobOptions } from '../../jobs/protocol.ts'
import type { Sensitivity } from '../../store/sensitivity.ts'
import type { ServerSettings } from '../../store/settings.ts'
import type { Call, Services } from '../interaction/command.ts'
import { modelNamed, newSeed } from '../interaction/options.ts'
import { strengthOf } from '../interaction/strength.ts'
import type { Say } from '../language/say.ts'
import { pictureName } from '../message/picture-name.ts'
import { type Button, buttonRow, type Post, textPost, withRows } from '../message/post.ts'
import { together } from '../message/sensitivity.ts'
import { type Found, referenceTo } from './libraries.ts'
import { bold } from './saved.ts'

/** One difference, or two that are added together. */
export type Chosen = readonly [Found, Found?]

/** The picture to change. */
export interface Input {
  readonly bytes: Uint8Array
  readonly sensitivity?: Sensitivity
}

/** What the person chose. Everything else is as it was saved. */
type Wishes = Partial<Pick<JobOptions, 'strength' | 'preserve' | 'seed' | 'variants'>>

/** Puts the job into the queue. `strength` is for the first difference; for a second one nobody is asked. */
export function applySaved(
  call: Pick<Call, 'place' | 'models' | 'scope' | 'person'>,
  settings: ServerSettings,
  [first, second]: Chosen,
  { bytes: image, sensitivity: b }: Input,
  wishes: Wishes = {},
): Promise<void> {
  const { place, models } = call
  const { facts, pictures, pairs = [], person } = first
  const reference = referenceTo(call, first)
  const strength = strengthOf(wishes.strength, settings, facts)
  const differences: ApplyJob['differences'][number][] = [{ bytes: first.bytes, strength }]
  if (second) differences.push({ bytes: second.bytes, strength: strengthOf(undefined, settings, second.facts) })
  const options: JobOptions = {
    model: modelInUse(settings, models),
    mode: 'fast',
    seed: wishes.seed ?? newSeed(),
    strength,
    preserve: wishes.preserve ?? facts.preserve,
    variants: wishes.variants,
  }
  const { a, a2 } = pairs[0] ?? pictures
  return place(
    { kind: 'apply', differences, image, options },
    {
      type: 'show',
      pairs: pairs.slice(0, 1),
      names: second ? [first.name, second.name] : [first.name],
      ...(reference !== first.name && { reference }),
      learned: { facts, pictures },
      broughtBy: person,
      sensitivity: { example: together([first.sensitivity, second?.sensitivity]), b },
      fileNames: { a: a && pictureName('a', a), a2: a2 && pictureName('a2', a2), b: pictureName('b', image) },
    },
  )
}

/**
 * The first difference that was learned on another model than the one in use, and so can't be applied. Only the worker
 * can tell models of the same name apart, and it knows the name of a model that is given as a path.
 */
export function ofOtherModel(chosen: Chosen, settings: ServerSettings, models: Services['models']): Found | undefined {
  const model = modelInUse(settings, models)
  const isPath = /[/\\]/.test(model)
  return chosen.find((saved) => !isPath && saved && saved.facts.model !== model)
}

export const modelInUse = ({ model }: ServerSettings, models: Services['models']): string =>
  modelNamed(model ?? models.usual, models)

/** The message shown instead of applying it. */
export function otherModelPost(call: Pick<Call, 'say' | 'scope' | 'person'>, found: Found, model: string): Post {
  const { say } = call
  const { name, facts, pairs = [] } = found
  const values = { name: bold(name), own: bold(facts.model), used: bold(model) }
  if (pairs.length > 0) {
    const text = say('{name} was learned on the model {own}, but {used} is used here.', values)
    return withRows(textPost(text), buttonRow([relearnButton(say, referenceTo(call, found))]))
  }
  return textPost(
    say(
      '{name} was learned on the model {own}, but {used} is used here. Its pictures are not kept, so it has to be learned again with `/learn`.',
      values,
    ),
  )
}

/** Answered by commands/apply-diff.ts. */
export const relearnButton = (say: Say, reference: string): Button => ({
  label: say('Learn it again on this model'),
  action: `relearn:${reference}`,
})
