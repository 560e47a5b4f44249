import type { Attachment } from './files.ts'
import type { Form } from './form-rules.ts'
import { type Component, ComponentType, lengthOf } from './rules.ts'

/** What a person enters into a field. */
export type FieldValue = string | boolean | readonly string[] | Attachment | readonly Attachment[]

const { TextInput, TextDisplay, FileUpload, RadioGroup, CheckboxGroup, Checkbox } = ComponentType

/** What is sent for a form that was filled in. Like Discord's app, throws for what the form does not allow. */
export function answersTo({ components }: Form, values: Readonly<Record<string, FieldValue>>) {
  const attachments: Attachment[] = []
  const known = new Set(components.map(({ component }) => component?.custom_id))
  for (const key of Object.keys(values)) if (!known.has(key)) throw new Error(`The form has no field ${key}.`)
  const answers = components.map((top, index) => {
    const id = top.id || 2 * index + 1
    if (top.type === TextDisplay) return { type: top.type, id }
    const field = top.component!
    const { type, custom_id = '' } = field
    const value = values[custom_id]
    if (type === FileUpload) attachments.push(...(listOf(value) as Attachment[]))
    return { type: top.type, id, component: { type, id: field.id || id + 1, custom_id, ...answer(field, value) } }
  })
  return { components: answers, attachments }
}

function answer(field: Component, value: FieldValue | undefined): object {
  const { type } = field
  if (type === TextInput) return { value: textFor(field, value) }
  if (type === Checkbox) return { value: value === true }
  // What is chosen already is sent unless the person chooses something else.
  const preset = (field.options ?? []).flatMap((option) => (option.default ? option.value : []))
  const values = listOf(value ?? preset).map((one) => (typeof one === 'object' ? one.id : String(one)))
  checkChosen(field, values)
  return type === RadioGroup ? { value: values[0] ?? null } : { values }
}

function textFor({ custom_id, required = true, min_length = 0, max_length = 4000 }: Component, value?: FieldValue) {
  const text = value ?? ''
  if (typeof text !== 'string') throw new Error(`${custom_id} takes text.`)
  const least = required ? Math.max(1, min_length) : min_length
  const isLeftOut = !required && text === ''
  if (!isLeftOut && (lengthOf(text) < least || lengthOf(text) > max_length)) {
    throw new Error(`${custom_id} takes ${least} to ${max_length} characters, not ${lengthOf(text)}.`)
  }
  return text
}

function checkChosen(
  { type, custom_id, required = true, options, ...field }: Component,
  values: readonly string[],
): void {
  const most = field.max_values ?? (type === CheckboxGroup ? options!.length : 1)
  const least = required ? (field.min_values ?? 1) : 0
  if (values.length < least || values.length > most) {
    throw new Error(`${custom_id} takes ${least} to ${most}, not ${values.length}.`)
  }
  const strange = options && values.find((value) => !options.some((option) => option.value === value))
  if (strange !== undefined) throw new Error(`${custom_id} has no choice ${strange}.`)
}

function listOf(value: FieldValue | undefined): readonly (string | boolean | Attachment)[] {
  if (value === undefined) return []
  return Array.isArray(value) ? (value as readonly (string | Attachment)[]) : [value as string | boolean | Attachment]
}
