import type { Postgres } from '../store/postgres.ts'
import type { Boss } from './boss.ts'
import { afterDeliveries } from './deliveries.ts'
import { errorOf } from './job-error.ts'
import { deliveryQueueOf, givenUpQueue } from './queue-names.ts'
import type { News } from './shared-news.ts'
import { endTicket, readEnded, readExpected, removeTicket } from './shared-tickets.ts'
import { gaveUp, type Outcome, type QueueHandlers, type StoredOutcome } from './ticket.ts'
import { workOff } from './work-off.ts'

interface DeliveryOptions<FollowUp> {
  readonly postgres: Postgres
  readonly boss: Boss
  readonly group: string
  readonly handlers: QueueHandlers<FollowUp>
  readonly news: News
  readonly log: (sentence: string, error: unknown) => void
  readonly pollMilliseconds: number
}

/** Hands over what came of a group's tickets, one process at a time. Resolves to a function that stops listening. */
export async function deliverEnds<FollowUp>(options: DeliveryOptions<FollowUp>): Promise<() => Promise<void>> {
  const { postgres, boss, group, handlers, news, log } = options

  const deliver = async (id: string) => {
    const ended = await readEnded<FollowUp>(postgres, id, group)
    // Else it was delivered before, or another group took it over.
    if (!ended) return
    news.forget(id)
    const outcome = afterDeliveries(ended.outcome, ended.deliveries)
    if (!outcome) log(`A result was dropped after ${ended.deliveries} attempts to deliver it.`, undefined)
    else
      await handlers
        .onEnd(ended.ticket, outcomeOf(outcome))
        .catch((error: unknown) => log('A result could not be delivered.', error))
    await removeTicket(postgres, id)
  }

  const giveUp = (id: string) =>
    postgres.transaction(async (at) => {
      const ended = await endTicket(at, id, { type: 'stopped', reason: gaveUp })
      if (ended) await boss.send(at, deliveryQueueOf(ended.group), id)
    })

  const deliveries = workOff({ ...options, queue: deliveryQueueOf(group), handle: deliver })
  const givenUp = workOff({ ...options, queue: givenUpQueue, handle: giveUp })
  const unlisten = await postgres.listen('isto_ended', (to) => {
    if (to === group || to === '') deliveries.wake()
    news.lookSoon()
  })
  return async () => {
    await Promise.allSettled([unlisten(), deliveries.stop(), givenUp.stop()])
  }
}

const outcomeOf = (outcome: StoredOutcome): Outcome =>
  outcome.type === 'failed' ? { type: 'failed', error: errorOf(outcome.failure) } : outcome

/** Answers the commands of a group that its earlier process left before they became jobs. */
export async function answerInterrupted<FollowUp>({
  postgres,
  group,
  handlers,
  log,
}: Pick<DeliveryOptions<FollowUp>, 'postgres' | 'group' | 'handlers' | 'log'>): Promise<void> {
  for (const expected of await readExpected<FollowUp>(postgres, group)) {
    await handlers
      .onInterrupted(expected)
      .catch((error: unknown) => log('An interrupted command could not be answered.', error))
    await removeTicket(postgres, expected.id)
  }
}

/** Takes over what was placed while the shards were divided among processes in another way. */
export async function adoptTickets(
  postgres: Postgres,
  boss: Boss,
  group: string,
  owns: (scope: string) => boolean,
): Promise<void> {
  const others = await postgres.query<{ id: string; scope: string }>(
    'SELECT id, scope FROM isto.tickets WHERE bot_group <> $1',
    [group],
  )
  for (const { id } of others.filter(({ scope }) => owns(scope))) {
    await postgres.transaction(async (at) => {
      const [row] = await at.query<{ state: string }>(
        'UPDATE isto.tickets SET bot_group = $2 WHERE id = $1 RETURNING state',
        [id, group],
      )
      if (row?.state === 'ended') await boss.send(at, deliveryQueueOf(group), id)
    })
  }
}
