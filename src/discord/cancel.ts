import {
  type APIMessageTopLevelComponent,
  type ButtonInteraction,
  ButtonStyle,
  ComponentType,
  MessageFlags,
  PermissionFlagsBits,
} from 'discord.js'
import { messageOptions, textPost } from './post.ts'

/** Why a job ended although nothing was wrong with it; `message` is told where the job was shown. */
export class Stopped extends Error {
  override readonly name = 'Stopped'
}

/** The jobs that can be cancelled, by the id their button carries. */
export interface Cancellations {
  readonly add: (id: string, ownerId: string, controller: AbortController) => void
  readonly remove: (id: string) => void
  /** Whether the button is one of these; answers it if so. */
  readonly press: (interaction: ButtonInteraction) => Promise<boolean>
}

const prefix = 'cancel:'

export function createCancellations(): Cancellations {
  const jobs = new Map<string, { readonly ownerId: string; readonly controller: AbortController }>()

  const press = async (interaction: ButtonInteraction) => {
    if (!interaction.customId.startsWith(prefix)) return false
    const job = jobs.get(interaction.customId.slice(prefix.length))
    const isOwner = job?.ownerId === interaction.user.id
    if (!job) {
      await whisper(interaction, 'That job is over.')
    } else if (!isOwner && !interaction.memberPermissions?.has(PermissionFlagsBits.ManageMessages)) {
      await whisper(interaction, 'Only the person who asked for it, or a moderator, can cancel this.')
    } else {
      job.controller.abort(new Stopped(isOwner ? 'Cancelled.' : 'Cancelled by a moderator.'))
      const { flags, components } = messageOptions(textPost('Stopping …'))
      await interaction.update({ flags, components })
    }
    return true
  }

  return {
    add: (id, ownerId, controller) => void jobs.set(id, { ownerId, controller }),
    remove: (id) => void jobs.delete(id),
    press,
  }
}

export function cancelButton(id: string): APIMessageTopLevelComponent {
  const button = { type: ComponentType.Button as const, style: ButtonStyle.Secondary as const, label: 'Cancel' }
  return { type: ComponentType.ActionRow, components: [{ ...button, custom_id: `${prefix}${id}` }] }
}

const whisper = (interaction: ButtonInteraction, content: string) =>
  interaction.reply({ content, flags: MessageFlags.Ephemeral })
