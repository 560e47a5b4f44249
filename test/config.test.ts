import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readConfig } from '../src/config.ts'
import { UserError } from '../src/errors.ts'

test('every setting has a default but the token', () => {
  assert.deepEqual(readConfig({ DISCORD_TOKEN: ' ', DATA_DIR: '' }), {
    token: undefined,
    applicationId: undefined,
    apiUrl: 'https://discord.com/api',
    attachmentOrigins: [
      'https://cdn.discordapp.com',
      'https://media.discordapp.net',
      'https://images-ext-1.discordapp.net',
      'https://images-ext-2.discordapp.net',
    ],
    dataDirectory: 'data',
    model: 'emoji',
    device: 'auto',
    logLevel: 'info',
    hubUrl: 'https://huggingface.co',
    hubToken: undefined,
    health: undefined,
    databaseUrl: undefined,
    shards: 'auto',
    resultBytes: { server: 2e9, all: 50e9 },
  })
})

test('health is served where a port is given, to this machine alone unless a host is', () => {
  assert.deepEqual(readConfig({ HEALTH_PORT: '8080' }).health, { port: 8080, host: '127.0.0.1' })
  assert.deepEqual(readConfig({ HEALTH_PORT: '0', HEALTH_HOST: '0.0.0.0' }).health, { port: 0, host: '0.0.0.0' })
  assert.equal(readConfig({ HEALTH_HOST: '0.0.0.0' }).health, undefined)
})

test('a host means https, and plain http has to be spelled out', () => {
  const { attachmentOrigins, apiUrl } = readConfig({
    ATTACHMENT_HOSTS: 'cdn.example.com, http://127.0.0.1:8080',
    DISCORD_API_URL: 'http://127.0.0.1:8080/api/',
  })
  assert.deepEqual(attachmentOrigins, ['https://cdn.example.com', 'http://127.0.0.1:8080'])
  assert.equal(apiUrl, 'http://127.0.0.1:8080/api')
})

test('shards are given as a range, or as discord.js’ ShardingManager gives them', () => {
  assert.deepEqual(readConfig({ SHARDS: '0-3/16' }).shards, { ids: [0, 1, 2, 3], count: 16 })
  assert.deepEqual(readConfig({ SHARDS: '5', SHARD_COUNT: '8' }).shards, { ids: [5], count: 8 })
  assert.deepEqual(readConfig({ SHARDS: '[5]', SHARD_COUNT: '8' }).shards, { ids: [5], count: 8 })
})

test('a setting that makes no sense is named', () => {
  const names = (setting: string) => (error: Error) => error instanceof UserError && error.message.includes(setting)
  assert.throws(() => readConfig({ DISCORD_API_URL: 'discord' }), names('DISCORD_API_URL'))
  assert.throws(() => readConfig({ HF_ENDPOINT: 'mirror' }), names('HF_ENDPOINT'))
  assert.throws(() => readConfig({ ATTACHMENT_HOSTS: 'cdn.example.com/path' }), names('ATTACHMENT_HOSTS'))
  assert.throws(() => readConfig({ ATTACHMENT_HOSTS: 'file:///etc' }), names('ATTACHMENT_HOSTS'))
  assert.throws(() => readConfig({ LOG_LEVEL: 'loud' }), names('LOG_LEVEL'))
  for (const shards of ['3', '4/4', '2-1/4', '0-4/4', 'a/b']) {
    assert.throws(() => readConfig({ SHARDS: shards }), names('SHARDS'))
  }
  assert.throws(() => readConfig({ RESULTS_GB: '0' }), names('RESULTS_GB'))
  const secret = (error: Error) => names('DATABASE_URL')(error) && !error.message.includes('secret')
  assert.throws(() => readConfig({ DATABASE_URL: 'mysql://isto:secret@host/isto' }), secret)
  for (const port of ['http', '65536', '-1', '80.5', '123456']) {
    assert.throws(() => readConfig({ HEALTH_PORT: port }), names('HEALTH_PORT'))
  }
})

test('the file .env is read; children inherit neither the tokens nor onnxruntime’s reports to its makers', () => {
  const folder = mkdtempSync(join(tmpdir(), 'isto-'))
  try {
    writeFileSync(
      join(folder, '.env'),
      'DISCORD_TOKEN=from.the.file\nHF_TOKEN=hf_from.the.file\nMODEL=mine\nLOG_LEVEL=warn\n',
    )
    const path = new URL('../src/config.ts', import.meta.url)
    const script = `import { readConfig } from '${path}'; console.log(JSON.stringify([readConfig(), process.env]))`
    const env: NodeJS.ProcessEnv = { ...process.env, MODEL: 'from the environment' }
    delete env.DISCORD_TOKEN
    delete env.HF_TOKEN
    const said = execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
      cwd: folder,
      env,
      encoding: 'utf8',
    })
    const [config, left] = JSON.parse(said)
    assert.equal(config.token, 'from.the.file')
    assert.equal(config.hubToken, 'hf_from.the.file')
    assert.equal(config.model, 'from the environment')
    assert.equal(config.logLevel, 'warn')
    assert.ok(!JSON.stringify(left).includes('from.the.file'))
    assert.equal(left.ORT_DISABLE_TELEMETRY, '1')
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('.env.example and docs/running.md list exactly the settings that are read', () => {
  const read = [...readFileSync('src/config.ts', 'utf8').matchAll(/setting\('(\w+)'\)/g)].map(([, name]) => name)
  const listed = [...readFileSync('.env.example', 'utf8').matchAll(/^(\w+)=/gm)].map(([, name]) => name)
  const explained = [...readFileSync('docs/running.md', 'utf8').matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name)
  assert.deepEqual(listed.sort(), read.sort())
  assert.deepEqual(explained.sort(), read.sort())
})
