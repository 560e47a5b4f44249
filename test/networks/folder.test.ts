import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { decodeDifference, encodeDifference } from '../../src/engine/difference.ts'
import { identityOf } from '../../src/networks/folder.ts'
import { writeLock } from '../../src/store/model-lock.ts'
import { tensor } from '../../src/tensor/tensor.ts'

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'isto-folder-'))
})
after(() => rm(folder, { recursive: true }))

const write = (revision: string) =>
  writeFile(join(folder, 'manifest.json'), JSON.stringify({ name: 'sd', sources: [{ repository: 'a/b', revision }] }))
const hashOf = async () => (await identityOf(folder)).hash
const lock = (revision: string, commit: string, ...contents: string[]) =>
  writeLock(folder, [
    {
      ...{ repository: 'a/b', revision, commit },
      files: contents.map((content, index) => ({ path: `unet/${index}`, bytes: 1, sha256: content.repeat(64) })),
    },
  ])

test('other weights pulled from a branch are another model, the same weights of another commit are not', async () => {
  await write('main')
  const unfetched = await hashOf()
  await lock('main', '1', 'a', 'b')
  const first = await hashOf()
  assert.notEqual(first, unfetched)
  await lock('main', '2', 'a', 'b')
  assert.equal(await hashOf(), first)
  await lock('main', '3', 'a', 'c')
  const other = await hashOf()
  assert.notEqual(other, first)

  const tokens = [tensor([1, 4])]
  const learned = { version: '0.1.0', mode: 'fast', seed: 0, steps: 1, strength: 1, preserve: 1, captions: {} } as const
  const difference = encodeDifference({ tokens, origin: { ...learned, model: 'sd', modelHash: first } })
  assert.throws(
    () => decodeDifference(difference, { name: 'D', model: { name: 'sd', hash: other, tokenWidths: [4] } }),
    {
      name: 'OtherModelError',
      message: 'D was learned on another version of the model “sd”: it has to be learned again.',
    },
  )
})

test('a pinned commit says all, whether it has been pulled or put there by hand', async () => {
  const commit = '0123456789abcdef0123456789abcdef01234567'
  await write(commit)
  const byHand = await hashOf()
  await lock(commit, commit, 'a', 'b')
  assert.equal(await hashOf(), byHand)
})
