import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client, ModalSubmitInteraction } from 'discord.js'
import { uploadsOf } from '../../../src/discord/interaction/form.ts'

test('uploads come in the order in which they were chosen, whatever the order of Discord’s table', () => {
  const attachment = (id: string) => ({
    id,
    filename: `${id}.png`,
    size: 1,
    url: 'https://example.com/',
    proxy_url: '',
  })
  const field = { type: 19, id: 2, custom_id: 'before', values: ['30', '10', '20'] }
  const data = {
    custom_id: 'learn:x',
    components: [{ type: 18, id: 1, component: field }],
    resolved: { attachments: { 10: attachment('10'), 20: attachment('20'), 30: attachment('30') } },
  }
  const user = { id: '1', username: 'x', discriminator: '0', avatar: null }
  const raw = {
    id: '1',
    type: 5,
    application_id: '1',
    token: 'x',
    version: 1,
    user,
    data,
    entitlements: [],
    authorizing_integration_owners: {},
  }
  const interaction: ModalSubmitInteraction = Reflect.construct(ModalSubmitInteraction, [
    new Client({ intents: [] }),
    raw,
  ])
  assert.deepEqual(
    uploadsOf(interaction, 'before').map(({ id }) => id),
    ['30', '10', '20'],
  )
})
