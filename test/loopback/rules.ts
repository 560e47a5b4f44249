// What Discord refuses about a message. Each rule throws the answer that the real API gives.

export class ApiError extends Error {
  readonly status: number
  readonly code: number

  constructor(status: number, code: number, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

export interface Component {
  readonly type: number
  readonly content?: string
  readonly custom_id?: string
  readonly label?: string
  readonly components?: readonly Component[]
  readonly items?: readonly { readonly media: { readonly url: string }; readonly description?: string }[]
}

export interface Body {
  readonly content?: string | null
  readonly embeds?: readonly unknown[]
  readonly flags?: number
  readonly components?: readonly Component[]
  readonly attachments?: readonly { readonly id: string; readonly description?: string }[]
  readonly allowed_mentions?: { readonly parse?: readonly string[]; readonly users?: readonly string[] }
  readonly message_reference?: { readonly message_id: string }
}

export const EPHEMERAL = 1 << 6
export const COMPONENTS_V2 = 1 << 15
const ACTION_ROW = 1
const MEDIA_GALLERY = 12
const fileLimit = 10 * 1024 * 1024
const requestLimit = 25 * 1024 * 1024

const invalid = (what: string) => new ApiError(400, 50035, `Invalid Form Body: ${what}`)

/** `flags` are the message's after this request; `fileNames` those it will have. */
export function checkMessage(body: Body, flags: number, fileNames: readonly string[]): void {
  const components = flatten(body.components ?? [])
  if (flags & COMPONENTS_V2) {
    if (body.content || body.embeds?.length) throw invalid('content and embeds cannot be used with IS_COMPONENTS_V2')
    if (body.components && components.length === 0) throw new ApiError(400, 50006, 'Cannot send an empty message')
  } else {
    if (body.components?.some(({ type }) => type !== ACTION_ROW)) throw invalid('components need IS_COMPONENTS_V2')
    if ((body.content?.length ?? 0) > 2000) throw invalid('content: Must be 2000 or fewer in length.')
  }
  if (components.length > 40) throw invalid('components: at most 40')
  if (components.reduce((sum, { content = '' }) => sum + content.length, 0) > 4000) throw invalid('text: at most 4000')
  const ids = components.flatMap(({ custom_id }) => custom_id ?? [])
  if (ids.some((id) => id.length > 100) || new Set(ids).size < ids.length) throw invalid('custom_id')
  for (const { items } of components.filter(({ type }) => type === MEDIA_GALLERY)) {
    if (!items?.length || items.length > 10) throw invalid('items: Must be between 1 and 10 in length.')
    for (const { media, description = '' } of items) {
      if (description.length > 1024) throw invalid('description: Must be 1024 or fewer in length.')
      const name = /^attachment:\/\/(.+)$/.exec(media.url)?.[1]
      if (name ? !fileNames.includes(name) : !URL.canParse(media.url)) throw invalid(`media: ${media.url}`)
    }
  }
}

export function checkSize(requestBytes: number, fileBytes: readonly number[]): void {
  if (requestBytes > requestLimit || fileBytes.some((bytes) => bytes > fileLimit)) {
    throw new ApiError(413, 40005, 'Request entity too large')
  }
}

export const flatten = (components: readonly Component[]): Component[] =>
  components.flatMap((component) => [component, ...flatten(component.components ?? [])])
