import { ButtonStyle } from 'discord.js'
import { strengthLimit } from '../interaction/strength.ts'
import { buttonRow } from './post.ts'

/**
 * The buttons under a result. commands/save-diff.ts and commands/buttons.ts answer them.
 * @param id Of the result
 * @param isExact It was done exactly, without the model.
 */
export const resultButtons = (id: string, strength = 1, isExact = false) => [
  buttonRow([
    { label: 'Save', action: `save:${id}`, style: ButtonStyle.Primary },
    { label: 'Another picture', action: `another:${id}` },
    { label: 'Again', action: `again:${id}` },
    { label: 'Stronger', action: `stronger:${id}`, isDisabled: strength === 0 || Math.abs(strength) >= strengthLimit },
    { label: 'Weaker', action: `weaker:${id}`, isDisabled: strength === 0 },
  ]),
  buttonRow([
    { label: 'Reverse', action: `reverse:${id}`, isDisabled: strength === 0 },
    ...(isExact ? [{ label: 'As learned', action: `learned:${id}` }] : []),
    { label: 'Delete', action: `delete:${id}`, style: ButtonStyle.Danger },
  ]),
]
