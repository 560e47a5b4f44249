import {
  type APILabelComponent,
  type APIModalInteractionResponseCallbackData,
  type Attachment,
  ComponentType,
  type ModalSubmitInteraction,
  TextInputStyle,
} from 'discord.js'

/** A form. `action` is `word:argument`, see `Actions`. At most 45 characters of the title are shown. */
export const form = (
  action: string,
  title: string,
  fields: readonly APILabelComponent[],
): APIModalInteractionResponseCallbackData => ({ custom_id: action, title, components: [...fields] })

interface FieldOptions {
  readonly id: string
  /** At most 45 characters. */
  readonly label: string
  /** At most 100 characters. */
  readonly description?: string
}

/** `most`: 1–10 pictures; at least one is required. */
export const picturesField = ({ id, most, ...rest }: FieldOptions & { readonly most: number }): APILabelComponent => ({
  type: ComponentType.Label,
  ...rest,
  component: {
    type: ComponentType.FileUpload,
    custom_id: id,
    required: true,
    min_values: 1,
    max_values: most,
    file_types: ['image'],
  },
})

/** One of a few; the first is chosen unless the person chooses another. */
export const choiceField = ({
  id,
  choices,
  ...rest
}: FieldOptions & {
  readonly choices: readonly { readonly label: string; readonly value: string }[]
}): APILabelComponent => ({
  type: ComponentType.Label,
  ...rest,
  component: {
    type: ComponentType.StringSelect,
    custom_id: id,
    options: choices.map((choice, index) => ({ ...choice, default: index === 0 })),
  },
})

/** `longest`: in UTF-16 units, as Discord counts. `value`: what it holds at first. */
export const lineField = ({
  id,
  longest,
  value,
  ...rest
}: FieldOptions & { readonly longest: number; readonly value?: string }): APILabelComponent => ({
  type: ComponentType.Label,
  ...rest,
  component: {
    type: ComponentType.TextInput,
    custom_id: id,
    style: TextInputStyle.Short,
    required: true,
    max_length: longest,
    value,
  },
})

/**
 * The uploads of a field in the order in which they were chosen; discord.js lists them in the order of Discord's table.
 */
export function uploadsOf({ fields }: ModalSubmitInteraction, id: string): readonly Attachment[] {
  const { values, attachments } = fields.getField(id, ComponentType.FileUpload)
  return values.flatMap((value) => attachments.get(value) ?? [])
}
