import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { readConfig } from '../src/config.ts'
import { UserError } from '../src/errors.ts'

test('every setting has a default but the token', () => {
  assert.deepEqual(readConfig({ DISCORD_TOKEN: ' ', DATA_DIR: '' }), {
    token: undefined,
    applicationId: undefined,
    apiUrl: 'https://discord.com/api',
    attachmentOrigins: ['https://cdn.discordapp.com', 'https://media.discordapp.net'],
    dataDirectory: 'data',
    model: 'emoji',
  })
})

test('a host means https, and plain http has to be spelled out', () => {
  const { attachmentOrigins, apiUrl } = readConfig({
    ATTACHMENT_HOSTS: 'cdn.example.com, http://127.0.0.1:8080',
    DISCORD_API_URL: 'http://127.0.0.1:8080/api/',
  })
  assert.deepEqual(attachmentOrigins, ['https://cdn.example.com', 'http://127.0.0.1:8080'])
  assert.equal(apiUrl, 'http://127.0.0.1:8080/api')
})

test('a setting that makes no sense is named', () => {
  const names = (setting: string) => (error: Error) => error instanceof UserError && error.message.includes(setting)
  assert.throws(() => readConfig({ DISCORD_API_URL: 'discord' }), names('DISCORD_API_URL'))
  assert.throws(() => readConfig({ ATTACHMENT_HOSTS: 'cdn.example.com/path' }), names('ATTACHMENT_HOSTS'))
  assert.throws(() => readConfig({ ATTACHMENT_HOSTS: 'file:///etc' }), names('ATTACHMENT_HOSTS'))
})

test('.env.example lists exactly the settings that are read', () => {
  const read = [...readFileSync('src/config.ts', 'utf8').matchAll(/setting\('(\w+)'\)/g)].map(([, name]) => name)
  const listed = [...readFileSync('.env.example', 'utf8').matchAll(/^(\w+)=/gm)].map(([, name]) => name)
  assert.deepEqual(listed.sort(), read.sort())
})
