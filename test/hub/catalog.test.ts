import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { findFaults, findMissing, findModel, listModels } from '../../src/hub/catalog.ts'

let folder: string
const weights = Buffer.from('weights')
const manifest = {
  name: 'tiny',
  description: 'A tiny model.',
  licence: 'MIT',
  files: [{ path: 'unet/model.onnx', bytes: 7, sha256: createHash('sha256').update(weights).digest('hex') }],
  more: 'that the reader does not know',
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'isto-models-'))
  await mkdir(join(folder, 'tiny/unet'), { recursive: true })
  await mkdir(join(folder, 'no-model'))
  await writeFile(join(folder, 'README.md'), '')
  await writeManifest(manifest)
  await writeFile(join(folder, 'tiny/unet/model.onnx'), weights)
})
after(() => rm(folder, { recursive: true }))

const writeManifest = (content: unknown) =>
  writeFile(join(folder, 'tiny/manifest.json'), typeof content === 'string' ? content : JSON.stringify(content))

test('models are listed, and found by name or by path', async () => {
  const model = await findModel('tiny', folder)
  const { more: _, ...known } = manifest
  assert.deepEqual(model, { folder: join(folder, 'tiny'), ...known })
  assert.deepEqual(await findModel(join(folder, 'tiny'), '/nowhere'), model)
  assert.deepEqual(await listModels(folder), [model])
})

test('a model that is not there is refused in one sentence', async () => {
  for (const [name, sentence] of [
    ...['nope', 'no-model', 'README.md', ''].map((name) => [
      name,
      `There is no model \`${name}\`: \`models list\` shows which there are.`,
    ]),
    ['..', 'There is no model in `..`: it has neither a model_index.json nor a manifest.json.'],
    ['/nowhere', 'There is no model in `/nowhere`: there is no such folder or file.'],
    [`${folder}/README.md`, `There is no model in \`${folder}/README.md\`: it is a file, and no .safetensors.`],
  ] as const) {
    await assert.rejects(findModel(name!, folder), { name: 'UserError', message: sentence })
  }
})

test('every file is held against its size and checksum', async () => {
  const model = await findModel('tiny', folder)
  const path = join(folder, 'tiny/unet/model.onnx')
  assert.deepEqual(await findFaults(model), [])
  await writeFile(path, 'Weights')
  assert.deepEqual(await findMissing(model), [])
  assert.deepEqual(await findFaults(model), ['unet/model.onnx has been changed'])
  await writeFile(path, 'weight')
  assert.deepEqual(await findFaults(model), ['unet/model.onnx has 6 bytes instead of 7'])
  await rm(path)
  assert.deepEqual(await findFaults(model), ['unet/model.onnx is missing'])
  await writeFile(path, weights)
})

describe('a damaged manifest is refused in one sentence', () => {
  after(() => writeManifest(manifest))
  const [file] = manifest.files
  for (const [what, content] of [
    ['no JSON', '{'],
    ['null', 'null'],
    ['no name', { ...manifest, name: undefined }],
    ['no files', { ...manifest, files: {} }],
    ['a path outside', { ...manifest, files: [{ ...file, path: '../secret' }] }],
    ['an absolute path', { ...manifest, files: [{ ...file, path: '/etc/passwd' }] }],
    ['a Windows path', { ...manifest, files: [{ ...file, path: '..\\secret' }] }],
    ['no checksum', { ...manifest, files: [{ ...file, sha256: undefined }] }],
    ['a negative size', { ...manifest, files: [{ ...file, bytes: -1 }] }],
    ['null for a file', { ...manifest, files: [null] }],
  ] as const) {
    test(what, async () => {
      await writeManifest(content)
      const message = `\`${join(folder, 'tiny', 'manifest.json')}\` is damaged: download the model again.`
      await assert.rejects(findModel('tiny', folder), { name: 'UserError', message })
      await assert.rejects(listModels(folder), { name: 'UserError', message })
    })
  }
})
