import {
  type APIButtonComponentWithCustomId,
  type APIMessageTopLevelComponent,
  type AttachmentPayload,
  ButtonStyle,
  ComponentType,
  MessageFlags,
} from 'discord.js'
import { shorten } from './shorten.ts'

/** A message of the bot. All are Components V2, because the flag can't be removed from a message later. */
export interface Post {
  readonly components: readonly APIMessageTopLevelComponent[]
  readonly pictures?: readonly Picture[]
}

/** A picture, or any other file. */
export interface Picture {
  /** A file name such as `b2.png`. Discord leaves letters, digits, `-`, `_` and `.` unchanged. */
  readonly name: string
  readonly bytes: Uint8Array
  /** What it shows, for people who can't see it. At most 1024 characters are kept. */
  readonly alt: string
  /** As a spoiler. */
  readonly isCovered?: boolean
}

const altLimit = 1024

/** Text above, then the pictures as one gallery of at most ten. */
export function galleryPost(text: string, pictures: readonly Picture[]): Post {
  const items = pictures.map(({ name, alt, isCovered }) => ({
    media: { url: `attachment://${name}` },
    description: cutAlt(alt),
    ...(isCovered && { spoiler: true }),
  }))
  return { components: [textDisplay(text), { type: ComponentType.MediaGallery, items }], pictures }
}

export interface Button {
  readonly label: string
  /** `word:argument`, see `Actions`. */
  readonly action: string
  readonly style?: ButtonStyle.Primary | ButtonStyle.Secondary | ButtonStyle.Success | ButtonStyle.Danger
  readonly isDisabled?: boolean
}

/** At most five buttons side by side. */
export const buttonRow = (buttons: readonly Button[]): APIMessageTopLevelComponent => ({
  type: ComponentType.ActionRow,
  components: buttons.map(buttonComponent),
})

export const buttonComponent = ({
  label,
  action,
  style = ButtonStyle.Secondary,
  isDisabled = false,
}: Button): APIButtonComponentWithCustomId => ({
  type: ComponentType.Button,
  custom_id: action,
  label,
  style,
  disabled: isDisabled,
})

export const withRows = (post: Post, ...rows: readonly APIMessageTopLevelComponent[]): Post => ({
  ...post,
  components: [...post.components, ...rows],
})

export const textPost = (text: string): Post => ({ components: [textDisplay(text)] })

/** The options that discord.js sends a post with. `mention` is the only person it may ping. */
export function messageOptions({ components, pictures = [] }: Post, mention?: string) {
  return {
    flags: MessageFlags.IsComponentsV2 as const,
    components: mention ? [textDisplay(`<@${mention}>`), ...components] : [...components],
    files: pictures.map(
      ({ name, bytes, alt }): AttachmentPayload => ({
        name,
        description: cutAlt(alt),
        attachment: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
      }),
    ),
    allowedMentions: { parse: [], users: mention ? [mention] : [] },
  }
}

export const textDisplay = (content: string) => ({ type: ComponentType.TextDisplay as const, content })

export const cutAlt = (text: string) => shorten(text, altLimit)
