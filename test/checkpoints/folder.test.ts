import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { hasWeights, readPart } from '../../src/checkpoints/folder.ts'
import { encodeSafetensors } from '../../src/tensor/safetensors.ts'

const checkpoints = join(import.meta.dirname, '../fixtures/checkpoints')
const scratch = await mkdtemp(join(tmpdir(), 'isto-checkpoint-'))
after(() => rm(scratch, { recursive: true }))

const file = (name: string) =>
  encodeSafetensors({ tensors: { [name]: { dims: [1], data: Float32Array.of(1) } }, metadata: {} })

async function partOf(files: Readonly<Record<string, Uint8Array | string>>): Promise<string> {
  const folder = await mkdtemp(join(scratch, 'part-'))
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content)
  return folder
}

test('shards are one part', async () => {
  const whole = readPart(join(checkpoints, 'sdxl-sharded', 'unet'))!
  const files = new Set([...whole.values()].map(({ data }) => data.file))
  assert.equal(files.size, 3)
  const other = readPart(join(checkpoints, 'sdxl', 'unet'))!
  assert.deepEqual([...whole.keys()].sort(), [...other.keys()].sort())
})

test('of several variants the plain one is taken, then fp16; of two without others the moving average', async () => {
  const name = 'diffusion_pytorch_model'
  const cases = [
    [[`${name}.fp16`, name, `${name}.non_ema`], name],
    [[`${name}.non_ema`, `${name}.fp16`, `${name}.bf16`], `${name}.fp16`],
    [[`${name}.non_ema`], `${name}.non_ema`],
    [['model.fp16'], 'model.fp16'],
  ] as const
  for (const [names, chosen] of cases) {
    const folder = await partOf(Object.fromEntries(names.map((each) => [`${each}.safetensors`, file(each)])))
    assert.deepEqual([...readPart(folder)!.keys()], [chosen])
    assert.ok(hasWeights(folder))
  }
  const other = await partOf({ 'model.bin': '', 'pytorch_model.safetensors.txt': '' })
  assert.equal(readPart(other), undefined)
  assert.equal(readPart(join(scratch, 'nowhere')), undefined)
})

test('shards that are not there, and places outside the folder, are sentences', async () => {
  const index = (shard: string, name = 'a') => JSON.stringify({ weight_map: { [name]: shard } })
  const path = 'model.safetensors.index.json'
  for (const [files, expected] of [
    [{ [path]: index('b.safetensors') }, /There is no .*b\.safetensors/],
    [{ [path]: index('../b.safetensors') }, /names weights outside its folder/],
    [{ [path]: index('/etc/passwd') }, /names weights outside its folder/],
    [{ [path]: index('b.safetensors'), 'b.safetensors': file('other') }, /lacks the weight a: download/],
    [{ [path]: '{' }, /is damaged: download it again/],
    [{ [path]: '{"weight_map": {"a": 1}}' }, /is damaged: download it again/],
    [{ [path]: '[]' }, /is damaged: download it again/],
  ] as const) {
    const folder = await partOf(files)
    assert.throws(() => readPart(folder), expected)
  }
})

test('old names of the autoencoder’s attention are the present ones', async () => {
  const folder = await partOf({ 'model.safetensors': file('encoder.mid_block.attentions.0.proj_attn.weight') })
  assert.deepEqual([...readPart(folder)!.keys()], ['encoder.mid_block.attentions.0.to_out.0.weight'])
})
