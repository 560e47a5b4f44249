import type { DifferenceEntry, SavedDifference } from '../../store/differences.ts'
import type { ServerSettings } from '../../store/settings.ts'
import type { Call } from '../interaction/command.ts'
import { checkBlock, checkChanger, mayChange } from '../interaction/permission.ts'
import { ownScope } from '../interaction/scope.ts'
import type { Say } from '../language/say.ts'

// Whoever is on a server has two libraries of differences: the server's, and one's own, which is the same on every server
// and in direct messages. A library is named by the scope it belongs to.

/** Says which library a saved difference is in. */
export interface InLibrary {
  readonly library: string
}

export type Found = SavedDifference & InLibrary
export type Entry = DifferenceEntry & InLibrary

type Where = Pick<Call, 'scope' | 'person'>

/** No name has a colon. */
const prefix = 'mine:'

/** What a difference is called in commands and buttons. One's own that share a server's name are told apart by it. */
export const referenceTo = ({ scope }: Where, { library, name }: InLibrary & Pick<SavedDifference, 'name'>): string =>
  library === scope ? name : `${prefix}${name}`

/** The libraries to look in, one after the other, for a name. */
export function meantBy({ scope, person }: Where, reference: string): { name: string; libraries: readonly string[] } {
  const own = ownScope(person)
  if (reference.startsWith(prefix)) return { name: reference.slice(prefix.length), libraries: [own] }
  return { name: reference, libraries: [...new Set([scope, own])] }
}

/** The server's, then one's own; each sorted by name. */
export async function everyEntry({ store, scope, person }: Pick<Call, 'store'> & Where): Promise<readonly Entry[]> {
  const libraries = [...new Set([scope, ownScope(person)])]
  const lists = await Promise.all(
    libraries.map(async (library) => (await store.differences.list(library)).map((entry) => ({ ...entry, library }))),
  )
  return lists.flat()
}

/** The name, with a word on where it is from if that is not the server. */
export const labelOf = (
  say: Say,
  { scope }: Pick<Where, 'scope'>,
  { library, name }: InLibrary & Pick<SavedDifference, 'name'>,
): string => (library === scope ? name : say('{name} (yours)', { name }))

/** In one's own library one may do everything. */
export const mayChangeIn = (
  { interaction, scope }: Pick<Call, 'interaction' | 'scope'>,
  settings: ServerSettings,
  found: Found,
): boolean => found.library !== scope || mayChange(interaction, settings, found)

/** @throws UserError if this person may not rename or delete this difference */
export function checkChangeIn(
  { interaction, scope }: Pick<Call, 'interaction' | 'scope'>,
  settings: ServerSettings,
  found: Found,
): void {
  if (found.library === scope) checkChanger(interaction, settings, found)
  else checkBlock(interaction, settings)
}

/** What leaves the server in which it was shown: the difference, without what shows other people's pictures. */
export const withoutPictures = <Of extends Pick<SavedDifference, 'facts' | 'pictures' | 'pairs'>>(saved: Of): Of => {
  // What we drew is nobody's.
  if (saved.facts.isDrawn) return saved
  const { caption: _, ...facts } = saved.facts
  const { loss } = saved.pictures
  return { ...saved, facts, pictures: { ...(loss && { loss }) }, pairs: undefined }
}
