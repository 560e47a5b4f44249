import type { QueueHandlers } from '../jobs/ticket.ts'

/**
 * The same handlers, which also tell whoever runs the bot, once, that people send pictures which the model does not know,
 * wherever the job was computed. The people themselves are told each time.
 *
 * @param usual The model in use.
 */
export function tellOfOutsiders<FollowUp>(
  handlers: QueueHandlers<FollowUp>,
  usual: string,
  warn: (line: string) => void,
): QueueHandlers<FollowUp> {
  let isTold = false
  return {
    ...handlers,
    onEnd: (ticket, outcome) => {
      if (outcome.type === 'done' && outcome.result.report.isOutside && !isTold) {
        isTold = true
        const { model } = outcome.result.report
        warn(
          `People send pictures that the model “${model}” does not know. For photographs: \`npm run --silent isto -- models pull sd-1.5\`, then MODEL=sd-1.5 instead of ${usual}.`,
        )
      }
      return handlers.onEnd(ticket, outcome)
    },
  }
}
