import { ButtonStyle } from 'discord.js'
import { buttonRow } from './post.ts'

/** The buttons under a result. commands/save-diff.ts and commands/buttons.ts answer them. @param id Of the result */
export const resultButtons = (id: string) => [
  buttonRow([
    { label: 'Save', action: `save:${id}`, style: ButtonStyle.Primary },
    { label: 'Another picture', action: `another:${id}` },
    { label: 'Again', action: `again:${id}` },
    { label: 'Stronger', action: `stronger:${id}` },
    { label: 'Weaker', action: `weaker:${id}` },
  ]),
  buttonRow([
    { label: 'Reverse', action: `reverse:${id}` },
    { label: 'Delete', action: `delete:${id}`, style: ButtonStyle.Danger },
  ]),
]
