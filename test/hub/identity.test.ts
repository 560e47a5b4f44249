import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { identityOf } from '../../src/hub/identity.ts'

const folder = mkdtempSync(join(tmpdir(), 'isto-identity-'))
after(() => rmSync(folder, { recursive: true }))

test('the same files have one identity wherever they are; another checksum makes another', async () => {
  const here = await identityOf('emoji', 'models')
  cpSync('models/emoji/manifest.json', join(folder, 'smilies', 'manifest.json'))
  assert.equal(await identityOf('smilies', folder), here)
  const path = join(folder, 'smilies', 'manifest.json')
  const manifest = JSON.parse(readFileSync(path, 'utf8'))
  manifest.files[0].sha256 = '0'.repeat(64)
  writeFileSync(path, JSON.stringify(manifest))
  assert.notEqual(await identityOf('smilies', folder), here)
})

test('a model without a manifest is told by its files’ sizes, and by its LoRAs', async () => {
  const write = (name: string, bytes: number) => writeFileSync(join(folder, name), new Uint8Array(bytes))
  const model = join(folder, 'one.safetensors')
  const lora = join(folder, 'lora.safetensors')
  write('one.safetensors', 8)
  write('lora.safetensors', 8)
  const alone = await identityOf(model, 'models')
  const all = [
    alone,
    await identityOf(`${model}+${lora}`, 'models'),
    await identityOf(`${model}+${lora}:0.5`, 'models'),
  ]
  write('one.safetensors', 9)
  all.push(await identityOf(model, 'models'))
  write('one.safetensors', 8)
  assert.equal(new Set(all).size, 4)
  assert.equal(await identityOf(model, 'models'), alone)
})
