import {
  type APIAttachment,
  type APIEmbed,
  type APIMessage,
  AttachmentFlags,
  ComponentType,
  type Message,
} from 'discord.js'
import { type Sentence, sentence } from '../../sentence.ts'
import { isSpoiler, picture as pictureKind } from './attachments.ts'

/** A picture in a message. */
export interface SeenPicture {
  readonly url: string
  /** Its description, or else its name. */
  readonly alt: string | Sentence
  /** It is covered. */
  readonly isSpoiler: boolean
}

/** What a gallery holds. */
const most = 10

/** The pictures of a message, of what it forwards, and of its link previews, each once; at most ten. */
export function seenPictures(message: Seen): readonly SeenPicture[] {
  const seen = new Map<string, SeenPicture>()
  for (const one of everyPicture(message)) {
    // The signature in the query may differ.
    const place = URL.parse(one.url)?.pathname
    if (place && !seen.has(place)) seen.set(place, one)
  }
  return [...seen.values()].slice(0, most)
}

/** As discord.js has it, or as Discord sends it if the channel is unknown. */
type Seen = Message | APIMessage

function everyPicture(message: Seen): readonly SeenPicture[] {
  const forwarded =
    'messageSnapshots' in message
      ? [...message.messageSnapshots.values()]
      : (message.message_snapshots ?? []).map((one) => one.message)
  return [
    ...attachmentsOf(message),
    ...(message.components ?? []).flatMap((component) => componentPictures(raw(component) as Part, false)),
    ...message.embeds.flatMap((embed) => embedPicture(raw(embed) as APIEmbed, message.content ?? '')),
    ...forwarded.flatMap((one) => everyPicture(one as Seen)),
  ]
}

function attachmentsOf({ attachments }: Seen): readonly SeenPicture[] {
  const all = Array.isArray(attachments) ? attachments.map(claimsOf) : [...attachments.values()]
  return all.flatMap((attachment) => {
    const { url, name, contentType, description } = attachment
    const isPicture = contentType ? pictureKind.fits(attachment) : /\.(png|jpe?g|webp|gif|avif)$/i.test(name)
    return isPicture ? { url, alt: description || name, isSpoiler: isSpoiler(attachment) } : []
  })
}

const claimsOf = ({ url, filename, size, content_type, description, flags }: APIAttachment) => ({
  url,
  name: filename,
  size,
  contentType: content_type ?? null,
  description,
  spoiler: ((flags ?? 0) & AttachmentFlags.IsSpoiler) !== 0,
})

interface Media {
  readonly url: string
  readonly proxy_url?: string
  readonly content_type?: string | null
}

/** The parts of a component that may hold a picture. */
interface Part {
  readonly type: ComponentType
  readonly components?: readonly Part[]
  readonly accessory?: Part
  readonly items?: readonly Item[]
  readonly media?: Media
  readonly description?: string | null
  readonly spoiler?: boolean
}

interface Item {
  readonly media: Media
  readonly description?: string | null
  readonly spoiler?: boolean
}

/** @param isUnderCover A container around it is covered. */
function componentPictures(part: Part, isUnderCover: boolean): SeenPicture[] {
  const { type, components = [], accessory, items = [], media, description, spoiler } = part
  const isThumbnail = type === ComponentType.Thumbnail
  const isCovered = isUnderCover || (spoiler === true && !isThumbnail)
  const thumbnail = isThumbnail && media ? [{ media, description, spoiler }] : []
  return [
    ...[...items, ...thumbnail].flatMap((item) => itemPicture(item, isCovered)),
    ...[...components, ...(accessory ? [accessory] : [])].flatMap((inner) => componentPictures(inner, isCovered)),
  ]
}

function itemPicture({ media, description, spoiler }: Item, isUnderCover: boolean): SeenPicture[] {
  const { url, proxy_url, content_type = null } = media
  if (!pictureKind.fits({ url, name: '', size: 0, contentType: content_type })) return []
  const isSpoiler = isUnderCover || spoiler === true
  return [{ url: discordsOwn(url, proxy_url), alt: description || sentence('A picture of the message'), isSpoiler }]
}

/** @param content The message's; a link in `||…||` is covered, and so is its picture. */
function embedPicture({ image, thumbnail, title, url }: APIEmbed, content: string): SeenPicture[] {
  const shown = image ?? thumbnail
  if (!shown) return []
  const covered = [...content.matchAll(/\|\|(.+?)\|\|/gs)].map(([, text]) => text!)
  const isSpoiler = covered.some((text) => text.includes(url ?? shown.url))
  return [{ url: discordsOwn(shown.url, shown.proxy_url), alt: title || sentence('The picture of a link'), isSpoiler }]
}

/** Discord keeps copies of pictures from elsewhere. */
function discordsOwn(url: string, copy: string | undefined): string {
  const isAtDiscord = /(^|\.)discordapp\.(com|net)$/.test(URL.parse(url)?.hostname ?? '')
  return isAtDiscord ? url : (copy ?? url)
}

const raw = (part: object): object => ('toJSON' in part && typeof part.toJSON === 'function' ? part.toJSON() : part)
