import {
  type Component,
  ComponentType,
  expect,
  expectCount,
  expectLength,
  expectOptions,
  expectRange,
  expectUniqueIds,
  flatten,
  selects,
} from './rules.ts'

// docs.discord.com/developers/components/reference, and …/interactions/receiving-and-responding for the form itself

/** A form ("modal") that a person is shown. */
export interface Form {
  readonly title: string
  readonly custom_id: string
  readonly components: readonly Component[]
}

const { StringSelect, TextInput, TextDisplay, Label, FileUpload, RadioGroup, CheckboxGroup, Checkbox } = ComponentType
const inLabel: readonly number[] = [TextInput, ...selects, FileUpload, RadioGroup, CheckboxGroup, Checkbox]

/** Text inputs in action rows, which Discord still takes but calls deprecated, are refused here. */
export function checkForm({ title, custom_id, components = [] }: Form): void {
  expectLength('title', title, 1, 45)
  expectLength('custom_id', custom_id, 1, 100)
  expect(components.length >= 1 && components.length <= 5, 'components: Must be between 1 and 5 in length.')
  for (const one of components) {
    expect(one.type === Label || one.type === TextDisplay, `components: type ${one.type} is invalid in a form`)
    if (one.type === TextDisplay) expectLength('content', one.content, 1, 4000)
    else checkLabel(one)
  }
  expectUniqueIds(flatten(components))
}

function checkLabel({ label, description, component }: Component): void {
  expectLength('label', label, 1, 45)
  if (typeof description === 'string') expectLength('description', description, 0, 100)
  expect(component, 'component: This field is required')
  expect(inLabel.includes(component.type), `component: type ${component.type} is invalid in a label`)
  checkField(component)
}

function checkField(field: Component): void {
  const { type, custom_id, options } = field
  expectLength('custom_id', custom_id, 1, 100)
  expect(!field.disabled, 'disabled: forms cannot have disabled components')
  if (type === TextInput) checkTextInput(field)
  if (type === StringSelect) expectOptions('options', options, 1, 25)
  if (type === RadioGroup) expectOptions('options', options, 2, 10)
  if (type === CheckboxGroup) expectOptions('options', options, 1, 10)
  if (type === FileUpload) expect((field.file_types?.length ?? 0) <= 10, 'file_types: Must be 10 or fewer in length.')
  if (field.placeholder !== undefined) expectLength('placeholder', field.placeholder, 0, type === TextInput ? 100 : 150)
  expectCount(field, type === FileUpload || type === CheckboxGroup ? 10 : 25, true)
}

function checkTextInput({ style, label, value, min_length, max_length }: Component): void {
  expect(style === 1 || style === 2, 'style: Must be 1 or 2.')
  expect(label === undefined, 'label: not for a text input in a label')
  expectRange('min_length', min_length, 0, 4000)
  expectRange('max_length', max_length, 1, 4000)
  expect((min_length ?? 0) <= (max_length ?? 4000), 'min_length: above max_length')
  if (value !== undefined) expectLength('value', value, 0, 4000)
}
