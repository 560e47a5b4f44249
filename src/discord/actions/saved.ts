import { escapeMarkdown } from 'discord.js'
import { UserError } from '../../errors.ts'
import type { SavedDifference } from '../../store/differences.ts'
import type { Store } from '../../store/open.ts'
import type { ServerSettings } from '../../store/settings.ts'
import type { Call, Choice, Completion } from '../interaction/command.ts'
import { checkSaver } from '../interaction/permission.ts'
import { shorten } from '../message/shorten.ts'

/** The longest name in UTF-16 units, as Discord counts: 32 code points. */
export const longestName = 64

const mostChoices = 25

/** The saved names that contain what was typed; those that begin with it come first. */
export async function completeSaved({ interaction, store, scope }: Completion): Promise<readonly Choice[]> {
  const typed = fold(interaction.options.getFocused().trim())
  const fitting = (await store.differences.list(scope)).filter(({ name }) => fold(name).includes(typed))
  const beginning = fitting.filter(({ name }) => fold(name).startsWith(typed))
  return [...new Set([...beginning, ...fitting])].slice(0, mostChoices).map(({ name }) => ({ name, value: name }))
}

/** @throws UserError if nothing is saved under that name here */
export async function savedNamed(store: Store, scope: string, name: string): Promise<SavedDifference> {
  const saved = await store.differences.get(scope, name)
  if (saved) return saved
  throw new UserError(
    'No difference {name} is saved here; `/diffs list` shows those that are. Each server and everybody’s direct messages have their own.',
    { name: bold(shorten(name, longestName)) },
  )
}

/**
 * Checks that this person may save a difference under a new name here, before any work is done.
 *
 * @param name As `checkName` returns it.
 * @throws UserError
 */
export async function checkNewName(
  { interaction, store, queue, scope }: Pick<Call, 'interaction' | 'store' | 'queue' | 'scope'>,
  name: string,
): Promise<ServerSettings> {
  const settings = await store.settings.get(scope)
  checkSaver(interaction, settings)
  const saved = await store.differences.get(scope, name)
  if (saved) {
    throw new UserError('{person} has saved a difference as {name}; please choose another name.', {
      person: `<@${saved.person}>`,
      name: bold(saved.name),
    })
  }
  await checkNotComing(queue, scope, name)
  const { length: count } = await store.differences.list(scope)
  if (count >= settings.limit) {
    throw new UserError(
      '{count, plural, =1 {One difference is} other {# differences are}} saved here, and that is the limit; `/diffs delete` makes room.',
      { count },
    )
  }
  return settings
}

/** @throws UserError while a job is running that will save this name */
export async function checkNotComing(queue: Call['queue'], scope: string, name: string): Promise<void> {
  const isComing = (await queue.places(scope)).some(({ ticket }) => {
    const { action } = ticket.followUp
    return action.type === 'save' && fold(action.name) === fold(name)
  })
  if (isComing) {
    throw new UserError('{name} is being learned right now; please wait, or choose another name.', { name: bold(name) })
  }
}

export const bold = (name: string): string => `**${escapeMarkdown(name)}**`

const fold = (name: string) => name.normalize('NFC').toLowerCase()
