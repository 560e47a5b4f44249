import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Interaction, type Loopback, startLoopback } from './discord.ts'
import type { FieldValue } from './form.ts'
import { openSession, type RawSession, request } from './raw.ts'

let discord: Loopback
let session: RawSession
before(async () => {
  discord = await startLoopback()
  session = await openSession(discord)
  await session.seen('READY')
})
after(async () => {
  session.drop()
  await discord.close()
})

/** Answers with a form. */
async function show(form: object, interaction = discord.slash('learn', {})): Promise<string> {
  const path = `interactions/${interaction.id}/${interaction.token}/callback`
  return (await request(discord, 'POST', path, { type: 9, data: form })).line
}

async function shown(form: object): Promise<Interaction> {
  const interaction = discord.slash('learn', {})
  assert.equal(await show(form, interaction), '204')
  return interaction
}

const input = (more: object = {}) => ({ type: 4, custom_id: 'input', style: 1, ...more })
const upload = (more: object = {}) => ({ type: 19, custom_id: 'upload', ...more })
const options = (count: number) => Array.from({ length: count }, (_, index) => ({ label: 'x', value: `${index}` }))
const select = (more: object = {}) => ({ type: 3, custom_id: 'select', options: options(3), ...more })
const label = (component: object | undefined, more: object = {}) => ({ type: 18, label: 'x', component, ...more })
const form = (...components: object[]) => ({ title: 'Form', custom_id: 'form', components })
const note = { type: 10, content: 'x' }

const refused: [string, object][] = [
  ['no title', { ...form(note), title: '' }],
  ['a long title', { ...form(note), title: 'x'.repeat(46) }],
  ['no custom_id', { ...form(note), custom_id: '' }],
  ['a long custom_id', { ...form(note), custom_id: 'x'.repeat(101) }],
  ['nothing in it', form()],
  ['six components', form(...Array(6).fill(note))],
  ['a field without a label', form(input())],
  ['a row', form({ type: 1, components: [input()] })],
  ['a picture', form({ type: 12, items: [{ media: { url: 'https://example.com/a.png' } }] })],
  ['a button', form(label({ type: 2, style: 1, custom_id: 'x', label: 'x' }))],
  ['an empty label', form(label(input(), { label: '' }))],
  ['a long label', form(label(input(), { label: 'x'.repeat(46) }))],
  ['a long description', form(label(input(), { description: 'x'.repeat(101) }))],
  ['a label of nothing', form(label(undefined))],
  ['the same custom_id twice', form(label(input()), label(input()))],
  ['a field without custom_id', form(label(input({ custom_id: '' })))],
  ['a disabled field', form(label(select({ disabled: true })))],
  ['a text input of no style', form(label(input({ style: undefined })))],
  ['a text input with a label of its own', form(label(input({ label: 'x' })))],
  ['a long placeholder', form(label(input({ placeholder: 'x'.repeat(101) })))],
  ['a text longer than text can be', form(label(input({ max_length: 4001 })))],
  ['more text at least than at most', form(label(input({ min_length: 2, max_length: 1 })))],
  ['a long text filled in', form(label(input({ value: 'x'.repeat(4001) })))],
  ['more than ten files', form(label(upload({ max_values: 11 })))],
  ['no file where one is required', form(label(upload({ min_values: 0 })))],
  ['more files at least than at most', form(label(upload({ min_values: 3, max_values: 2 })))],
  ['a select without options', form(label(select({ options: [] })))],
  ['a select of 26 options', form(label(select({ options: options(26) })))],
  ['one radio button', form(label({ type: 21, custom_id: 'x', options: options(1) }))],
  ['eleven checkboxes', form(label({ type: 22, custom_id: 'x', options: options(11) }))],
]
for (const [what, body] of refused) {
  test(`a form with ${what} is refused`, async () => {
    assert.equal(await show(body), '400 50035')
  })
}

const everything = form(
  label(input({ min_length: 2, max_length: 5, placeholder: 'x'.repeat(100) }), { description: 'x'.repeat(100) }),
  label(upload({ min_values: 0, max_values: 10, required: false, file_types: ['image'] })),
  label(select({ max_values: 2 })),
  label({ type: 22, custom_id: 'boxes', required: false, options: options(10) }),
  { type: 10, content: 'a word' },
)

test('a form may have every field, and what is entered arrives with its files', async () => {
  const opened = await shown(everything)
  assert.equal(opened.form!.title, 'Form')
  const files = [1, 2].map((byte) => discord.attach(new Uint8Array([byte])))
  const submitted = discord.submit(opened, { input: 'snow', upload: files, select: ['2'] })
  const { data, type, message } = await session.seen('INTERACTION_CREATE', submitted.id)
  assert.deepEqual([type, message], [5, undefined])
  const [a, b] = files
  assert.deepEqual(data, {
    custom_id: 'form',
    components: [
      { type: 18, id: 1, component: { type: 4, id: 2, custom_id: 'input', value: 'snow' } },
      { type: 18, id: 3, component: { type: 19, id: 4, custom_id: 'upload', values: [a!.id, b!.id] } },
      { type: 18, id: 5, component: { type: 3, id: 6, custom_id: 'select', values: ['2'] } },
      { type: 18, id: 7, component: { type: 22, id: 8, custom_id: 'boxes', values: [] } },
      { type: 10, id: 9 },
    ],
    resolved: { attachments: { [a!.id]: a, [b!.id]: b } },
  })
  assert.equal((await fetch(b!.url)).status, 200)
})

const impossible: [string, Record<string, FieldValue>, RegExp][] = [
  ['too short', { input: 'x', select: '0' }, /2 to 5 characters/],
  ['too long', { input: 'x'.repeat(6), select: '0' }, /2 to 5 characters/],
  ['missing', { input: 'xx' }, /select takes 1 to 2, not 0/],
  ['too many', { input: 'xx', select: ['0', '1', '2'] }, /select takes 1 to 2, not 3/],
  ['no choice', { input: 'xx', select: '7' }, /no choice 7/],
  ['of no field', { input: 'xx', select: '0', other: 'x' }, /no field other/],
]
for (const [what, values, error] of impossible) {
  test(`an app sends nothing that is ${what}`, async () => {
    const opened = await shown(everything)
    assert.throws(() => discord.submit(opened, values), error)
  })
}

test('a form that a button opened knows the message', async () => {
  const body = {
    flags: 1 << 15,
    components: [{ type: 1, components: [{ type: 2, style: 1, custom_id: 'x', label: 'Open' }] }],
  }
  const { data } = await request(discord, 'POST', 'channels/300000000000000001/messages', body)
  const message = discord.messages.get(data.id)!
  const opened = discord.press(message, 'Open')
  assert.equal(
    await show(
      form(label({ type: 23, custom_id: 'box' }), label({ type: 21, custom_id: 'radio', options: options(2) })),
      opened,
    ),
    '204',
  )
  const submitted = discord.submit(opened, { box: true, radio: '1' })
  const seen = await session.seen<{
    message: { id: string }
    data: { components: { component: { value: unknown } }[] }
  }>('INTERACTION_CREATE', submitted.id)
  assert.equal(seen.message.id, message.id)
  assert.deepEqual(
    seen.data.components.map(({ component }) => component.value),
    [true, '1'],
  )
})
