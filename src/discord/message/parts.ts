import { type APIMessageTopLevelComponent, ComponentType } from 'discord.js'
import { type Button, buttonComponent, cutAlt, type Picture, type Post, textDisplay } from './post.ts'

// Parts of a message besides text, galleries and rows of buttons.

/**
 * Text with a small picture beside it, which the post must carry, or the text alone. Takes three of the forty
 * components.
 */
export function pictureSection(text: string, picture?: Picture): APIMessageTopLevelComponent {
  if (!picture) return textDisplay(text)
  const { name, alt, isCovered } = picture
  return {
    type: ComponentType.Section,
    components: [textDisplay(text)],
    accessory: {
      type: ComponentType.Thumbnail,
      media: { url: `attachment://${name}` },
      description: cutAlt(alt),
      ...(isCovered && { spoiler: true }),
    },
  }
}

/** Text with a button beside it, or the text alone. Takes three of the forty components. */
export function buttonSection(text: string, button?: Button): APIMessageTopLevelComponent {
  if (!button) return textDisplay(text)
  return { type: ComponentType.Section, components: [textDisplay(text)], accessory: buttonComponent(button) }
}

/** Text, and a file to download. */
export function filePost(text: string, file: Picture): Post {
  const shown = { type: ComponentType.File as const, file: { url: `attachment://${file.name}` } }
  return { components: [textDisplay(text), shown], pictures: [file] }
}
