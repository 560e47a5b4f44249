import {
  ApiError,
  type Body,
  COMPONENTS_V2,
  type Component,
  ComponentType,
  expect,
  expectCount,
  expectLength,
  expectOptions,
  expectRange,
  expectUniqueIds,
  flatten,
  lengthOf,
  type Media,
  selects,
} from './rules.ts'

// docs.discord.com/developers/components/reference and …/resources/message

const { ActionRow, Button, StringSelect, Section, TextDisplay, Thumbnail, MediaGallery, File, Separator, Container } =
  ComponentType
const inContainer: readonly number[] = [ActionRow, Section, TextDisplay, MediaGallery, File, Separator]
const LINK = 5
const PREMIUM = 6
const filesOfMessage = 10
const textOfMessage = 4000

/** What a message may be. `body` is the whole message as it would be, `flags` its flags, `fileNames` its files. */
export function checkMessage(body: Body, flags: number, fileNames: readonly string[]): void {
  const { content, embeds = [], sticker_ids = [], poll, components = [] } = body
  const all = flatten(components)
  if (fileNames.length > filesOfMessage) {
    throw new ApiError(400, 30015, 'Maximum number of attachments in a message reached (10)')
  }
  if (flags & COMPONENTS_V2) {
    const isMixed = content || embeds.length > 0 || sticker_ids.length > 0 || poll
    expect(!isMixed, 'content, embeds, stickers and polls cannot be used with IS_COMPONENTS_V2')
    if (components.length === 0) throw new ApiError(400, 50006, 'Cannot send an empty message')
    expect(all.length <= 40, 'components: at most 40')
    for (const one of components) checkComponent(one, [...inContainer, Container], fileNames)
    checkText(all)
  } else {
    expectLength('content', content, 0, 2000)
    expect(embeds.length <= 10, 'embeds: Must be 10 or fewer in length.')
    const isEmpty = !content && embeds.length + sticker_ids.length + fileNames.length + components.length === 0
    if (isEmpty && !poll) throw new ApiError(400, 50006, 'Cannot send an empty message')
    expect(components.length <= 5, 'components: Must be 5 or fewer in length.')
    for (const one of components) checkComponent(one, [ActionRow], fileNames)
  }
  expectUniqueIds(all)
}

/** All text displays together. Above 10170 bytes, which 4000 characters can be, Discord fails (discord-api-docs#8554). */
function checkText(all: readonly Component[]): void {
  const texts = all.filter(({ type }) => type === TextDisplay).map(({ content = '' }) => content)
  const length = texts.reduce((sum, text) => sum + lengthOf(text), 0)
  expect(length <= textOfMessage, `components: displayable text must be ${textOfMessage} or fewer, not ${length}`)
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text) + 12, 0)
  if (bytes > 10_170) throw new ApiError(500, 0, '500: Internal Server Error')
}

type Check = (component: Component, fileNames: readonly string[]) => void

const checks: Readonly<Record<number, Check>> = {
  [ActionRow]: ({ components = [] }, fileNames) => {
    const isOneSelect = components.length === 1 && selects.includes(components[0]!.type)
    const areButtons = components.every(({ type }) => type === Button)
    expect(components.length >= 1 && components.length <= 5, 'components: Must be between 1 and 5 in length.')
    expect(isOneSelect || areButtons, 'components: an action row has up to five buttons or one select')
    for (const one of components) checkComponent(one, [Button, ...selects], fileNames)
  },

  [Button]: ({ style = 0, custom_id, url, sku_id, label, emoji }) => {
    expectRange('style', style, 1, 6)
    if (label !== undefined) expectLength('label', label, 1, 80)
    const [hasId, hasUrl] = [custom_id !== undefined, url !== undefined]
    if (style === PREMIUM) {
      expect(sku_id && !hasId && !hasUrl && !label && !emoji, 'a premium button has a sku_id only')
    } else if (style === LINK) {
      expectLength('url', url, 1, 512)
      expect(!hasId, 'a link button has no custom_id')
    } else {
      expectLength('custom_id', custom_id, 1, 100)
      expect(!hasUrl && sku_id === undefined, 'a button with a custom_id has no url')
    }
    expect(label || emoji || style === PREMIUM, 'a button must have a label or an emoji')
  },

  ...Object.fromEntries(
    selects.map((type): [number, Check] => [
      type,
      (select) => {
        expectLength('custom_id', select.custom_id, 1, 100)
        if (select.placeholder !== undefined) expectLength('placeholder', select.placeholder, 0, 150)
        if (type === StringSelect) expectOptions('options', select.options, 1, 25)
        expectCount(select, 25, false)
      },
    ]),
  ),

  [Section]: ({ components = [], accessory }, fileNames) => {
    expect(components.length >= 1 && components.length <= 3, 'components: Must be between 1 and 3 in length.')
    for (const one of components) checkComponent(one, [TextDisplay], fileNames)
    expect(accessory, 'accessory: This field is required')
    checkComponent(accessory, [Button, Thumbnail], fileNames)
  },

  [TextDisplay]: ({ content }) => expectLength('content', content, 1, textOfMessage),

  [Thumbnail]: ({ media, description }, fileNames) => {
    checkMedia(media, fileNames)
    checkAlt(description)
  },

  [MediaGallery]: ({ items = [] }, fileNames) => {
    expect(items.length >= 1 && items.length <= 10, 'items: Must be between 1 and 10 in length.')
    for (const { media, description } of items) {
      checkMedia(media, fileNames)
      checkAlt(description)
    }
  },

  [File]: ({ file }, fileNames) => {
    expect(file?.url?.startsWith('attachment://'), 'file: only attachment:// is supported')
    checkMedia(file, fileNames)
  },

  [Separator]: ({ spacing }) => expectRange('spacing', spacing, 1, 2),

  [Container]: ({ components = [], accent_color }, fileNames) => {
    expect(components.length >= 1, 'components: a container must not be empty') // by memory
    if (accent_color !== null) expectRange('accent_color', accent_color, 0, 0xffffff)
    for (const one of components) checkComponent(one, inContainer, fileNames)
  },
}

function checkComponent(component: Component, allowed: readonly number[], fileNames: readonly string[]): void {
  const { type } = component
  expect(allowed.includes(type), `components: The specified component type ${type} is invalid in this context`)
  checks[type]!(component, fileNames)
}

/** A picture on the web, or a file of this message by its name. */
function checkMedia(media: Media | undefined, fileNames: readonly string[]): void {
  const url = media?.url ?? ''
  const name = /^attachment:\/\/(.*)$/.exec(url)?.[1]
  if (name === undefined) {
    expect(/^https?:/.test(url) && URL.canParse(url), `media: Not a well formed URL: ${url}`)
    return
  }
  expect(
    /^[\w.-]+$/.test(name),
    `media: attachment names are ASCII letters, digits, underscores, dashes, dots: ${name}`,
  )
  expect(fileNames.includes(name), `media: The referenced attachment was not found: ${name}`)
}

function checkAlt(description: string | null | undefined): void {
  if (typeof description === 'string') expectLength('description', description, 0, 1024)
}
