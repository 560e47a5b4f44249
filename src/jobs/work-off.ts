import { setTimeout as sleep } from 'node:timers/promises'
import type { Postgres } from '../store/postgres.ts'
import type { Boss, Claim } from './boss.ts'

interface WorkOffOptions {
  readonly postgres: Postgres
  readonly boss: Boss
  readonly queue: string
  readonly handle: (ticketId: string) => Promise<void>
  readonly log: (sentence: string, error: unknown) => void
  readonly pollMilliseconds: number
}

export interface WorkOff {
  /** There may be something in the queue. */
  readonly wake: () => void
  /** Resolves when what was begun is done, or after five seconds. */
  readonly stop: () => Promise<void>
}

/**
 * Handles what is in a queue, some at a time, until it is stopped. What could not be handled falls to another attempt once
 * pg-boss misses its signs of life.
 */
export function workOff({ postgres, boss, queue, handle, log, pollMilliseconds }: WorkOffOptions): WorkOff {
  const underWay = new Set<Promise<void>>()
  let isOver = false
  let wake = () => {}

  const handleOne = async (claim: Claim) => {
    const signs = setInterval(() => void boss.touch(claim).catch(() => {}), signMilliseconds).unref()
    try {
      await handle(claim.ticketId)
      await boss.complete(postgres, claim)
    } catch (error) {
      log('What a queue holds could not be handled; it is tried again.', error)
    } finally {
      clearInterval(signs)
    }
  }

  /** @returns whether there may be more */
  const look = async (): Promise<boolean> => {
    if (underWay.size >= most) return false
    const free = most - underWay.size
    const claims = await boss.fetch(postgres, queue, free)
    for (const claim of claims) {
      const handled = handleOne(claim).finally(() => {
        const wasFull = underWay.size >= most
        underWay.delete(handled)
        if (wasFull) wake()
      })
      underWay.add(handled)
    }
    return claims.length === free
  }

  const loop = async () => {
    while (!isOver) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve
      })
      const isMore = await look().catch((error: unknown) => {
        log('A queue could not be read.', error)
        return false
      })
      if (!isMore) await Promise.race([woken, sleep(pollMilliseconds)])
    }
  }
  const looped = loop()
  return {
    wake: () => wake(),
    stop: async () => {
      isOver = true
      wake()
      await looped
      await Promise.race([Promise.all(underWay), sleep(5000, undefined, { ref: false })])
    },
  }
}

/** Handled at once. */
const most = 4
const signMilliseconds = 3000
