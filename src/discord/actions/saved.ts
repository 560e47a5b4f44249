import { escapeMarkdown } from 'discord.js'
import { UserError } from '../../errors.ts'
import type { ServerSettings } from '../../store/settings.ts'
import type { Call, Choice, Completion } from '../interaction/command.ts'
import { checkBlock, checkSaver } from '../interaction/permission.ts'
import { shorten } from '../message/shorten.ts'
import { everyEntry, type Found, labelOf, meantBy, referenceTo } from './libraries.ts'

/** The longest name in UTF-16 units, as Discord counts: 32 code points. */
export const longestName = 64

const mostChoices = 25

/** The saved names that contain what was typed; those that begin with it come first. */
export async function completeSaved(completion: Completion): Promise<readonly Choice[]> {
  const { interaction, say } = completion
  const typed = fold(interaction.options.getFocused().trim())
  const fitting = (await everyEntry(completion)).filter(({ name }) => fold(name).includes(typed))
  const beginning = fitting.filter(({ name }) => fold(name).startsWith(typed))
  return [...new Set([...beginning, ...fitting])]
    .slice(0, mostChoices)
    .map((entry) => ({ name: labelOf(say, completion, entry), value: referenceTo(completion, entry) }))
}

/**
 * What is saved on this server, else what is among the person's own.
 *
 * @param reference As `referenceTo` writes it, or as people do.
 * @throws UserError if nothing is saved under that name
 */
export async function savedNamed(
  { store, scope, person }: Pick<Call, 'store' | 'scope' | 'person'>,
  reference: string,
): Promise<Found> {
  const { name, libraries } = meantBy({ scope, person }, reference)
  for (const library of libraries) {
    const saved = await store.differences.get(library, name)
    if (saved) return { ...saved, library }
  }
  throw new UserError(
    'No difference {name} is saved here, and none among your own; `/diffs list` shows those that are.',
    { name: bold(shorten(name, longestName)) },
  )
}

/**
 * Checks that this person may save a difference under a new name, before any work is done.
 *
 * @param name As `checkName` returns it.
 * @param library Where: the server's, or the person's own.
 * @returns the settings of the place where it is asked for
 * @throws UserError
 */
export async function checkNewName(
  { interaction, store, queue, scope }: Pick<Call, 'interaction' | 'store' | 'queue' | 'scope'>,
  name: string,
  library: string,
): Promise<ServerSettings> {
  const settings = await store.settings.get(scope)
  if (library === scope) checkSaver(interaction, settings)
  else checkBlock(interaction, settings)
  const saved = await store.differences.get(library, name)
  if (saved) {
    throw new UserError('{person} has saved a difference as {name}; please choose another name.', {
      person: `<@${saved.person}>`,
      name: bold(saved.name),
    })
  }
  await checkNotComing({ queue, scope }, library, name)
  const { length: count } = await store.differences.list(library)
  if (count >= (await store.settings.get(library)).limit) {
    throw new UserError(
      '{count, plural, =1 {One difference is} other {# differences are}} saved here, and that is the limit; `/diffs delete` makes room.',
      { count },
    )
  }
  return settings
}

/** @throws UserError while a job is running that will save this name */
export async function checkNotComing(
  { queue, scope }: Pick<Call, 'queue' | 'scope'>,
  library: string,
  name: string,
): Promise<void> {
  const isComing = (await queue.positions(scope)).some(({ ticket }) => {
    const { action } = ticket.followUp
    return action.type === 'save' && (action.library ?? scope) === library && fold(action.name) === fold(name)
  })
  if (isComing) {
    throw new UserError('{name} is being learned right now; please wait, or choose another name.', { name: bold(name) })
  }
}

export const bold = (name: string): string => `**${escapeMarkdown(name)}**`

const fold = (name: string) => name.normalize('NFC').toLowerCase()
