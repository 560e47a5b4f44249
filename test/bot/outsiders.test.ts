import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tellOfOutsiders } from '../../src/bot/outsiders.ts'
import type { Outcome, Ticket } from '../../src/jobs/ticket.ts'

test('whoever runs the bot is told once that people send what the model does not know', async () => {
  const lines: string[] = []
  const ended: Outcome[] = []
  const { onEnd } = tellOfOutsiders(
    {
      onPosition: () => {},
      onProgress: () => {},
      onEnd: async (_, outcome) => void ended.push(outcome),
      onInterrupted: async () => {},
    },
    'emoji',
    (line) => lines.push(line),
  )
  const ticket = { id: '1' } as Ticket
  const done = (isOutside?: boolean): Outcome => {
    const report = { model: 'emoji', mode: 'fast', seed: 0, seconds: {}, peakRssBytes: 0, isOutside } as const
    return { type: 'done', result: { report, notices: [] } }
  }
  for (const outcome of [done(), { type: 'stopped', reason: 'Cancelled.' } as const]) await onEnd(ticket, outcome)
  assert.deepEqual(lines, [])
  for (const outcome of [done(true), done(true)]) await onEnd(ticket, outcome)
  assert.equal(lines.length, 1)
  assert.match(lines[0]!, /^People send pictures that the model “emoji” does not know\. .* instead of emoji\.$/)
  assert.equal(ended.length, 4)
})
