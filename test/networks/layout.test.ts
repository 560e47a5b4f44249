import assert from 'node:assert/strict'
import { cp, mkdtemp, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { decodeDifference, encodeDifference } from '../../src/engine/difference.ts'
import { readManifest } from '../../src/hub/catalog.ts'
import { identityOf } from '../../src/networks/identity.ts'
import { readLayout } from '../../src/networks/layout.ts'
import { isOnDisk } from '../../src/onnx/graph.ts'
import { encodeGraph, readModel } from '../../src/onnx/proto.ts'
import { tensor } from '../../src/tensor/tensor.ts'

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'isto-folder-'))
})
after(() => rm(folder, { recursive: true }))

const hashOf = async () => {
  const layout = await readManifest(folder)
  const graph = () => assert.fail('the weights are not asked')
  return identityOf({ path: folder, manifest: layout, reference: { path: folder, loras: [] }, has: () => true, graph })
    .hash
}
const write = (files: readonly object[], more = {}) =>
  writeFile(join(folder, 'manifest.json'), JSON.stringify({ name: 'sd', description: '', licence: '', files, ...more }))

test('a difference of another version of a model is refused', () => {
  const tokens = [tensor([1, 4])]
  const learned = { version: '0.1.0', mode: 'fast', seed: 0, steps: 1, strength: 1, preserve: 1, captions: {} } as const
  const difference = encodeDifference({ tokens, origin: { ...learned, model: 'sd', modelHash: 'one' } })
  assert.throws(
    () => decodeDifference(difference, { name: 'D', model: { name: 'sd', hash: 'other', tokenWidths: [4] } }),
    {
      name: 'OtherModelError',
      message: 'D was learned on another version of the model “sd”: it has to be learned again.',
    },
  )
})

test('of a model that came with isto the networks count, and nothing that is said beside them', async () => {
  const files = (content: string, phrases: string) => [
    { path: 'unet/model.onnx', bytes: 1, sha256: content.repeat(64) },
    { path: 'captioner/phrases.json', bytes: 1, sha256: phrases.repeat(64) },
  ]
  await write(files('a', 'b'))
  const own = await hashOf()
  await write(files('a', 'c'), { description: 'in other words', note: 'new' })
  assert.equal(await hashOf(), own)
  await write(files('d', 'b'))
  assert.notEqual(await hashOf(), own)
})

describe('a folder that cannot be used says why', () => {
  let model: string
  beforeEach(async () => {
    model = await mkdtemp(join(folder, 'model-'))
    await cp(join(import.meta.dirname, '../fixtures/pipelines/sdxl'), model, { recursive: true })
  })
  const gone = (...paths: string[]) => Promise.all(paths.map((path) => rm(join(model, path), { recursive: true })))
  const refused = (sentence: RegExp) =>
    assert.rejects(readLayout({ path: model, loras: [] }), { name: 'UserError', message: sentence })

  test('where parts are missing, all of them', async () => {
    await gone('scheduler', 'text_encoder_2', 'vae_encoder/model.onnx')
    await refused(/is incomplete: download text_encoder_2, vae_encoder, scheduler\/scheduler_config\.json\.$/)
  })

  test('where the weights are PyTorch’s', async () => {
    await gone('unet/model.onnx')
    await writeFile(join(model, 'unet/diffusion_pytorch_model.fp16.bin'), '')
    await refused(
      /has its weights as \.bin, which may hold a program and is never opened here: get its \.safetensors\.$/,
    )
  })

  test('where Git has left a pointer', async () => {
    await writeFile(
      join(model, 'unet/model.onnx'),
      'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n',
    )
    await refused(/unet.model\.onnx cannot be read: it only points to the file: `git lfs pull` fetches it\.$/)
    await writeFile(join(model, 'unet/model.onnx'), 'version')
    await refused(/unet.model\.onnx cannot be read: it is not an ONNX model, or it is damaged\.$/)
  })

  test('where ONNX Runtime or Olive has fused operators', async () => {
    const path = join(model, 'unet/model.onnx')
    const graph = readModel(path)
    const nodes = graph.nodes.map((each, index) =>
      index === 5 ? { ...each, operator: 'BiasSplitGelu', domain: 'com.microsoft' } : each,
    )
    await rename(path, join(model, 'unet/weights.pb'))
    const constants = new Map(
      [...graph.constants].map(([name, each]) => [
        name,
        isOnDisk(each.data) ? { ...each, data: { ...each.data, file: join(model, 'unet/weights.pb') } } : each,
      ]),
    )
    await writeFile(path, encodeGraph({ ...graph, nodes, constants }, join(model, 'unet')))
    await refused(
      /unet was rewritten by ONNX Runtime or Olive \(it has the operator BiasSplitGelu of its own\): use the plain export/,
    )
    await truncate(join(model, 'unet/weights.pb'), 100_000)
    await refused(/weights\.pb is shorter than its model says: download it again\.$/)
  })

  test('where it is for inpainting, though its graph does not tell', async () => {
    const path = join(model, 'unet/config.json')
    await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, 'utf8')), in_channels: 9 }))
    await refused(/takes a picture besides the prompt \(its network has 9 channels instead of 4\): use the plain model/)
  })

  test('where it is SDXL’s refiner', async () => {
    const index = JSON.parse(await readFile(join(model, 'model_index.json'), 'utf8'))
    await writeFile(
      join(model, 'model_index.json'),
      JSON.stringify({ ...index, text_encoder: [null, null], requires_aesthetics_score: true }),
    )
    await refused(/is a refiner: use the base model that it belongs to\.$/)
  })
})
