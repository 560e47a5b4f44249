import type { ExpectedRecord, TicketRecord } from './ticket-storage.ts'

type Stored<FollowUp> = TicketRecord<FollowUp> | ExpectedRecord<FollowUp>

/** The names that version 0.1 gave to parts of a ticket. */
interface OldTicket {
  readonly errand: { readonly address: unknown; readonly purpose: unknown }
  readonly job: { readonly options: { readonly isForEveryone?: boolean } }
}

/** A record as version 0.1 or this one wrote it, with this version's names. */
export function withTodaysNames<FollowUp>(record: Stored<FollowUp>): Stored<FollowUp> {
  if (!('ticket' in record) || !('errand' in record.ticket)) return record
  const { errand, job, ...rest } = record.ticket as unknown as OldTicket
  const { isForEveryone, ...options } = job.options
  const ticket = {
    ...rest,
    job: { ...job, options: { ...options, ...(isForEveryone && { requiresSafetyCheck: true }) } },
    followUp: { target: errand.address, action: errand.purpose },
  }
  return { ...record, ticket: ticket as unknown as TicketRecord<FollowUp>['ticket'] }
}
