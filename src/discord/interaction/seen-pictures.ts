import { type APIAttachment, type APIEmbed, type APIMessage, ComponentType, type Message } from 'discord.js'
import { picture as pictureKind } from './attachments.ts'

/** A picture in a message. */
export interface SeenPicture {
  readonly url: string
  /** Its description, or else its name. */
  readonly alt: string
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
    ...(message.components ?? []).flatMap((component) => componentPictures(raw(component) as Part)),
    ...message.embeds.flatMap((embed) => embedPicture(raw(embed) as APIEmbed)),
    ...forwarded.flatMap((one) => everyPicture(one as Seen)),
  ]
}

function attachmentsOf({ attachments }: Seen): readonly SeenPicture[] {
  const all = Array.isArray(attachments) ? attachments.map(claimsOf) : [...attachments.values()]
  return all.flatMap((attachment) => {
    const { url, name, contentType, description } = attachment
    const isPicture = contentType ? pictureKind.fits(attachment) : /\.(png|jpe?g|webp|gif|avif)$/i.test(name)
    return isPicture ? { url, alt: description || name } : []
  })
}

const claimsOf = ({ url, filename, size, content_type, description }: APIAttachment) => ({
  ...{ url, name: filename, size, contentType: content_type ?? null, description },
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
  readonly items?: readonly { readonly media: Media; readonly description?: string | null }[]
  readonly media?: Media
  readonly description?: string | null
}

function componentPictures({ type, components = [], accessory, items = [], media, description }: Part): SeenPicture[] {
  const thumbnail = type === ComponentType.Thumbnail && media ? [{ media, description }] : []
  return [
    ...[...items, ...thumbnail].flatMap((item) => mediaPicture(item.media, item.description)),
    ...[...components, ...(accessory ? [accessory] : [])].flatMap(componentPictures),
  ]
}

function mediaPicture({ url, proxy_url, content_type = null }: Media, alt?: string | null): SeenPicture[] {
  const isPicture = pictureKind.fits({ url, name: '', size: 0, contentType: content_type })
  return isPicture ? [{ url: discordsOwn(url, proxy_url), alt: alt || 'A picture of the message' }] : []
}

function embedPicture({ image, thumbnail, title }: APIEmbed): SeenPicture[] {
  const shown = image ?? thumbnail
  return shown ? [{ url: discordsOwn(shown.url, shown.proxy_url), alt: title || 'The picture of a link' }] : []
}

/** Discord keeps copies of pictures from elsewhere. */
function discordsOwn(url: string, copy: string | undefined): string {
  const isAtDiscord = /(^|\.)discordapp\.(com|net)$/.test(URL.parse(url)?.hostname ?? '')
  return isAtDiscord ? url : (copy ?? url)
}

const raw = (part: object): object => ('toJSON' in part && typeof part.toJSON === 'function' ? part.toJSON() : part)
