import { createQueue } from '../../src/jobs/queue.ts'
import { describeQueue } from './suite.ts'
import { memoryTickets } from './test-queue.ts'

describeQueue('a queue of one process', () => {
  let disk = new Map<string, Uint8Array>()
  return async ({ run, limits }) => {
    const queue = createQueue({ run, tickets: memoryTickets(disk).tickets, log: () => {}, limits })
    return {
      queue,
      park: queue.park,
      kill: async () => {
        disk = new Map(disk)
      },
    }
  }
})
