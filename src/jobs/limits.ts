import { duration } from '../duration.ts'
import { UserError } from '../errors.ts'
import { JOBS_PER_PERSON } from '../limits.ts'
import { sentence } from '../sentence.ts'

export interface Limits {
  /**
   * Jobs of one person, waiting or running, wherever they were started; 0 for none at all.
   * @default JOBS_PER_PERSON
   */
  readonly person?: number
  /** Jobs of one scope. @default 20 */
  readonly scope?: number
  /** Jobs in total. @default 60 */
  readonly all?: number
  /** Bytes of all jobs' pictures: they are held in memory. @default 512 MiB */
  readonly bytes?: number
}

interface Claim {
  readonly person: string
  readonly scope: string
  readonly job: unknown
}

/**
 * @param tickets All that wait or run; `positions` are those that already have a position.
 * @throws UserError if there is no room for one more; it says when there will be
 */
export function checkLimits(
  { person, scope, job }: Claim,
  tickets: readonly Claim[],
  positions: readonly { readonly ticket: Claim; readonly secondsLeft: number }[],
  { person: ofPerson = JOBS_PER_PERSON, scope: ofScope = 20, all = 60, bytes = 512 * 2 ** 20 }: Limits,
): void {
  if (ofPerson === 0) throw new UserError('On this server you may ask for nothing.')
  const firstEnd = (isCounted: (ticket: Claim) => boolean) => {
    const first = positions.find(({ ticket }) => isCounted(ticket))
    return first ? duration(first.secondsLeft) : sentence('a moment')
  }
  const isTheirs = (ticket: Claim) => ticket.person === person
  const theirs = tickets.filter(isTheirs).length
  if (theirs >= ofPerson) {
    throw new UserError(
      'You have {count, plural, =1 {a job} other {# jobs}} in the queue already, which is the limit for one person: please wait for one to end, in {duration}.',
      { count: theirs, duration: firstEnd(isTheirs) },
    )
  }
  const isFromHere = (ticket: Claim) => ticket.scope === scope
  const fromHere = tickets.filter(isFromHere).length
  if (fromHere >= ofScope) {
    throw new UserError(
      '{count, plural, =1 {A job from here is} other {# jobs from here are}} in the queue already, which is the limit: there is room again in {duration}.',
      { count: fromHere, duration: firstEnd(isFromHere) },
    )
  }
  const heldBytes = tickets.reduce((total, ticket) => total + bytesOf(ticket.job), bytesOf(job))
  if (tickets.length >= all || heldBytes > bytes) {
    const work = duration(positions.at(-1)?.secondsLeft ?? 0)
    throw new UserError(
      'The queue is full ({count, plural, =1 {one job} other {# jobs}}, {work} of work): please try again in {duration}.',
      { count: tickets.length, work, duration: firstEnd(() => true) },
    )
  }
}

export const blocked =
  'On this server you are blocked from making or saving anything; those who manage it can change that.'

/** The sum over every byte array inside plain data. */
function bytesOf(value: unknown): number {
  if (ArrayBuffer.isView(value)) return value.byteLength
  if (typeof value !== 'object' || value === null) return 0
  return Object.values(value).reduce<number>((total, part) => total + bytesOf(part), 0)
}
