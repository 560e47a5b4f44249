import type { Client } from 'discord.js'
import { describe } from '../interaction/faults.ts'
import { messageOptions, textPost } from '../message/post.ts'

/** The channels in which servers have their jobs noted. */
export interface Audit {
  /** Adds a line to the channel's next message, which names people without a ping. */
  readonly note: (channelId: string, line: string) => void
  /** Resolves when all that was noted has been sent, or could not be. */
  readonly flush: () => Promise<void>
}

interface AuditOptions {
  readonly client: Client
  readonly log: (line: string) => void
  /** How long lines wait for others before they become a message. */
  readonly everyMilliseconds: number
}

/** Of one message, which has room for 4000 characters. */
const mostLines = 20

/** One message for many jobs: a busy server is not to use up the requests that Discord allows. */
export function createAudit({ client, log, everyMilliseconds }: AuditOptions): Audit {
  const waiting = new Map<string, string[]>()
  /** Each channel that can't be written is logged once. */
  const closed = new Set<string>()
  let timer: NodeJS.Timeout | undefined
  let underWay = Promise.resolve()

  const send = async (channelId: string, lines: readonly string[]) => {
    try {
      // It may be on a server that another process answers.
      const channel = await client.channels.fetch(channelId, { allowUnknownGuild: true })
      if (!channel?.isSendable()) throw new Error('Nothing can be sent to this channel.')
      for (let from = 0; from < lines.length; from += mostLines) {
        await channel.send(messageOptions(textPost(lines.slice(from, from + mostLines).join('\n'))))
      }
      closed.delete(channelId)
    } catch (error) {
      if (!closed.has(channelId)) log(`The audit channel ${channelId} can’t be written: ${describe(error)}`)
      closed.add(channelId)
    }
  }

  const sendAll = async () => {
    const batches = [...waiting]
    waiting.clear()
    await Promise.all(batches.map(([channelId, lines]) => send(channelId, lines)))
  }
  const flush = () => {
    clearTimeout(timer)
    timer = undefined
    underWay = underWay.then(sendAll)
    return underWay
  }

  return {
    note: (channelId, line) => {
      waiting.set(channelId, [...(waiting.get(channelId) ?? []), line])
      timer ??= setTimeout(flush, everyMilliseconds)
    },
    flush,
  }
}
