// What Discord's refusals are made of. Rules were looked up in docs.discord.com (August 2026) and in the issues of
// discord/discord-api-docs; where neither says how Discord answers, a comment beside the rule says "by memory".

/** An answer of Discord's that is no success. */
export class ApiError extends Error {
  readonly status: number
  readonly code: number

  constructor(status: number, code: number, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

/** 429. */
export class RateLimitError extends ApiError {
  readonly retryAfterSeconds: number
  readonly isGlobal: boolean

  constructor(retryAfterSeconds: number, { isGlobal = false, code = 0, message = 'You are being rate limited.' } = {}) {
    super(429, code, message)
    this.retryAfterSeconds = retryAfterSeconds
    this.isGlobal = isGlobal
  }
}

export interface Media {
  readonly url: string
}

export interface Option {
  readonly label: string
  readonly value: string
  readonly description?: string
  /** It is chosen already. */
  readonly default?: boolean
}

/** Any component of a message or a form, as it is sent. */
export interface Component {
  readonly type: number
  readonly id?: number
  readonly custom_id?: string
  readonly content?: string
  readonly label?: string
  readonly description?: string | null
  readonly placeholder?: string
  readonly style?: number
  readonly url?: string
  readonly sku_id?: string
  readonly emoji?: object
  readonly disabled?: boolean
  readonly options?: readonly Option[]
  readonly required?: boolean
  readonly min_values?: number
  readonly max_values?: number
  readonly min_length?: number
  readonly max_length?: number
  readonly value?: string
  readonly file_types?: readonly string[]
  readonly spacing?: number
  readonly accent_color?: number | null
  readonly media?: Media
  readonly file?: Media
  /** A cover over it. */
  readonly spoiler?: boolean
  readonly items?: readonly {
    readonly media: Media
    readonly description?: string | null
    readonly spoiler?: boolean
  }[]
  readonly components?: readonly Component[]
  readonly accessory?: Component
  readonly component?: Component
}

/** The body of a request that creates or changes a message. */
export interface Body {
  readonly content?: string | null
  readonly embeds?: readonly object[]
  readonly sticker_ids?: readonly string[]
  readonly poll?: object
  readonly flags?: number
  readonly components?: readonly Component[]
  readonly attachments?: readonly { readonly id: string | number; readonly description?: string }[]
  readonly allowed_mentions?: {
    readonly parse?: readonly string[]
    readonly users?: readonly string[]
    readonly replied_user?: boolean
  }
  readonly message_reference?: { readonly message_id: string; readonly fail_if_not_exists?: boolean }
  readonly nonce?: string | number
  readonly enforce_nonce?: boolean
}

export const EPHEMERAL = 1 << 6
/** "is thinking …" */
export const LOADING = 1 << 7
export const COMPONENTS_V2 = 1 << 15

export const ComponentType = {
  ActionRow: 1,
  Button: 2,
  StringSelect: 3,
  TextInput: 4,
  UserSelect: 5,
  RoleSelect: 6,
  MentionableSelect: 7,
  ChannelSelect: 8,
  Section: 9,
  TextDisplay: 10,
  Thumbnail: 11,
  MediaGallery: 12,
  File: 13,
  Separator: 14,
  Container: 17,
  Label: 18,
  FileUpload: 19,
  RadioGroup: 21,
  CheckboxGroup: 22,
  Checkbox: 23,
} as const

export const selects: readonly number[] = [
  ComponentType.StringSelect,
  ComponentType.UserSelect,
  ComponentType.RoleSelect,
  ComponentType.MentionableSelect,
  ComponentType.ChannelSelect,
]

export const invalid = (what: string) => new ApiError(400, 50035, `Invalid Form Body: ${what}`)

export function expect(isRight: unknown, what: string): asserts isRight {
  if (!isRight) throw invalid(what)
}

/** In characters as people count them, not in UTF-16 units. By memory. */
export const lengthOf = (text: string) => [...text].length

export function expectLength(what: string, text: string | null | undefined, least: number, most: number): void {
  const length = lengthOf(text ?? '')
  expect(length >= least && length <= most, `${what}: Must be between ${least} and ${most} in length, not ${length}.`)
}

export function expectRange(what: string, value: number | undefined, least: number, most: number): void {
  if (value === undefined) return
  expect(Number.isInteger(value) && value >= least && value <= most, `${what}: Must be between ${least} and ${most}.`)
}

/** `custom_id`s must differ within a message or a form. */
export function expectUniqueIds(components: readonly Component[]): void {
  const given = components.flatMap(({ custom_id }) => custom_id ?? [])
  expect(new Set(given).size === given.length, 'components: Component custom id cannot be duplicated')
  const ids = components.flatMap(({ id }) => id || [])
  expect(new Set(ids).size === ids.length, 'components: Component id cannot be duplicated')
}

/** The choices of a select menu, of radio buttons, of a group of checkboxes. */
export function expectOptions(what: string, options: readonly Option[] | undefined, least: number, most: number): void {
  expect(options && options.length >= least && options.length <= most, `${what}: Must be between ${least} and ${most}.`)
  for (const { label, value, description } of options) {
    expectLength(`${what}.label`, label, 1, 100)
    expectLength(`${what}.value`, value, 1, 100)
    if (description !== undefined) expectLength(`${what}.description`, description, 1, 100)
  }
  expect(new Set(options.map(({ value }) => value)).size === options.length, `${what}: values must differ`)
}

/** How many of `most` may be chosen. */
export function expectCount({ min_values, max_values, required }: Component, most: number, isForm: boolean): void {
  expectRange('min_values', min_values, isForm && required !== false ? 1 : 0, most)
  expectRange('max_values', max_values, 1, most)
  expect((min_values ?? 0) <= (max_values ?? Math.max(1, min_values ?? 0)), 'min_values: above max_values')
}

const requestLimit = 25 * 1024 * 1024

export function checkSize(requestBytes: number, fileBytes: readonly number[], fileLimit: number): void {
  if (requestBytes > requestLimit || fileBytes.some((bytes) => bytes > fileLimit)) {
    throw new ApiError(413, 40005, 'Request entity too large')
  }
}

/** Every component, the nested ones after what they are in. */
export const flatten = (components: readonly Component[]): Component[] =>
  components.flatMap((component) => {
    const { components = [], accessory, component: inner } = component
    return [component, ...flatten([...components, ...(accessory ? [accessory] : []), ...(inner ? [inner] : [])])]
  })
