import type { Say } from '../language/say.ts'
import type { Button } from './post.ts'

export interface Page<T> {
  readonly items: readonly T[]
  /** From 0. */
  readonly page: number
  /** At least 1. */
  readonly pages: number
}

/** @param wanted The page a button asks for, counted from 0; the nearest existing page is used. */
export function pageOf<T>(all: readonly T[], wanted: string, size: number): Page<T> {
  const pages = Math.max(1, Math.ceil(all.length / size))
  const page = Math.min(Math.max(0, Number.parseInt(wanted, 10) || 0), pages - 1)
  return { items: all.slice(page * size, (page + 1) * size), page, pages }
}

/** *Back* and *Next*, if there is more than one page. They call the action `word` with the number of the page. */
export function pageButtons(say: Say, word: string, { page, pages }: Page<unknown>): readonly Button[] {
  if (pages === 1) return []
  return [
    { label: say('Back'), action: `${word}:${page - 1}`, isDisabled: page === 0 },
    { label: say('Next'), action: `${word}:${page + 1}`, isDisabled: page === pages - 1 },
  ]
}
