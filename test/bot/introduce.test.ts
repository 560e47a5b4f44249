import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { introduce } from '../../src/bot/introduce.ts'
import { findModel } from '../../src/hub/catalog.ts'

const folder = join(import.meta.dirname, '../../models')

test('the model in use says what it is for, and the machine which others it could run', async () => {
  const model = await findModel('emoji', folder)
  const [inUse, others] = await introduce(model, folder, 16e9)
  assert.match(inUse!, /^The model “emoji” is in use: it knows emoji.*no photographs\.$/)
  assert.match(others!, /enough for sd-1\.5.*models pull sd-1\.5`, then MODEL=sd-1\.5/)
  assert.doesNotMatch(others!, /sdxl/)
  assert.match((await introduce(model, folder, 64e9))[1]!, /sdxl-base/)
  assert.equal((await introduce(model, folder, 2e9)).length, 1)
})
