import { ButtonStyle } from 'discord.js'
import { strengthLimit } from '../interaction/strength.ts'
import type { Say } from '../language/say.ts'
import { buttonRow } from './post.ts'

/**
 * The buttons under a result. commands/save-diff.ts and commands/buttons.ts answer them.
 * @param say In the language of the result's message
 * @param id Of the result
 * @param isExact It was done exactly, without the model, or in part.
 */
export const resultButtons = (say: Say, id: string, strength = 1, isExact = false) => [
  buttonRow([
    { label: say('Save'), action: `save:${id}`, style: ButtonStyle.Primary },
    { label: say('Another picture'), action: `another:${id}` },
    { label: say('Again'), action: `again:${id}` },
    {
      label: say('Stronger'),
      action: `stronger:${id}`,
      isDisabled: strength === 0 || Math.abs(strength) >= strengthLimit,
    },
    { label: say('Weaker'), action: `weaker:${id}`, isDisabled: strength === 0 },
  ]),
  buttonRow([
    { label: say('Reverse'), action: `reverse:${id}`, isDisabled: strength === 0 },
    { label: say('Adjust …'), action: `adjust:${id}` },
    ...(isExact ? [{ label: say('As learned'), action: `learned:${id}` }] : []),
    { label: say('Delete'), action: `delete:${id}`, style: ButtonStyle.Danger },
  ]),
]

/** The buttons under several B′: one is chosen before anything is done with it. */
export const choiceButtons = (say: Say, id: string, count: number) => [
  buttonRow(
    Array.from({ length: count }, (_, index) => ({
      label: say('Use no. {number}', { number: index + 1 }),
      action: `use:${id}:${index}`,
      style: ButtonStyle.Primary as const,
    })),
  ),
  buttonRow([
    { label: say('Save'), action: `save:${id}` },
    { label: say('Again'), action: `again:${id}` },
    { label: say('Delete'), action: `delete:${id}`, style: ButtonStyle.Danger },
  ]),
]
