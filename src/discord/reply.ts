import { type ChatInputCommandInteraction, MessageFlags } from 'discord.js'
import type { Progress } from '../jobs/protocol.ts'
import { type Cancellations, cancelButton } from './cancel.ts'
import { createDelivery, isTooLarge } from './delivery.ts'
import { type Post, textPost } from './post.ts'
import { type Activity, createNarrator, throttleLatest } from './progress.ts'

/** The one public answer to a command, from "is thinking" to the result. */
export interface Reply {
  /** Aborts with `Stopped` when somebody presses Cancel. */
  readonly signal: AbortSignal
  /** Answers in public, with a Cancel button. Checks that fail before it are told to the person alone. */
  readonly open: () => Promise<void>
  readonly onPosition: (ahead: number) => void
  readonly onProgress: (progress: Progress) => void
  /** The last word. `smaller` is sent instead when Discord finds `post` too large. */
  readonly finish: (post: Post, smaller: Post) => Promise<void>
  /** The last word when there is no result: to the person alone if possible, or in public for `Stopped`. */
  readonly fail: (sentence: string, isPublic: boolean) => Promise<void>
}

export interface ReplyOptions {
  readonly cancellations: Cancellations
  /** The least time between two edits. @default 3000 */
  readonly everyMilliseconds?: number
}

export function createReply(
  interaction: ChatInputCommandInteraction,
  { cancellations, everyMilliseconds = 3000 }: ReplyOptions,
): Reply {
  const { id, user } = interaction
  const controller = new AbortController()
  const delivery = createDelivery(interaction)
  const narrate = createNarrator()
  const edits = throttleLatest(async (text: string) => {
    const { components } = textPost(text)
    // A lost progress edit is not worth a word: the next one, or the result, finds its own way.
    await delivery.edit({ components: [...components, cancelButton(id)] }).catch(() => {})
  }, everyMilliseconds)
  const show = (activity: Activity) => {
    if (!controller.signal.aborted) edits.push(narrate(activity))
  }
  controller.signal.addEventListener('abort', () => void edits.stop())

  const close = async () => {
    cancellations.remove(id)
    await edits.stop()
  }

  return {
    signal: controller.signal,
    open: async () => {
      cancellations.add(id, user.id, controller)
      await delivery.open()
      edits.push('Fetching your pictures …')
    },
    onPosition: (ahead) => show({ ahead }),
    onProgress: show,
    finish: async (post, smaller) => {
      await close()
      await delivery.deliver(post).catch((error: unknown) => {
        if (!isTooLarge(error)) throw error
        return delivery.deliver(smaller)
      })
    },
    fail: async (sentence, isPublic) => {
      await close()
      const whisper = { content: sentence, flags: MessageFlags.Ephemeral as const }
      if (!interaction.deferred) return void (await interaction.reply(whisper))
      if (isPublic) return delivery.deliver(textPost(sentence))
      try {
        // Discord gives the first follow-up the publicity of the unanswered defer, so that has to go first.
        await interaction.deleteReply()
        await interaction.followUp(whisper)
      } catch {
        await delivery.deliver(textPost(sentence))
      }
    },
  }
}
