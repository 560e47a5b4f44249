import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash, randomBytes, randomInt } from 'node:crypto'
import { existsSync, globSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { findFaults, findModel, isUnfetched } from '../../src/hub/catalog.ts'
import type { PullOptions } from '../../src/hub/pull.ts'
import { pullModel } from '../../src/hub/pull.ts'
import { type LoopbackHub, REPOSITORY_OF_THE_HUB as repository, startHub } from '../loopback/hub.ts'

let root: string
let folder: string
let hub: LoopbackHub
/** Milliseconds that would have been waited. */
let waits: number[]

const content = {
  'model_index.json': Buffer.from('{"_class_name":"StableDiffusionPipeline"}'),
  'unet/config.json': Buffer.from('{}'),
  'unet/model.onnx': randomBytes(5000),
  'unet/model.onnx_data': randomBytes(600_000),
  'unet/diffusion_pytorch_model.safetensors': randomBytes(5000),
  'vae decoder/model.onnx': randomBytes(30_000),
}
const WANTED = ['model_index.json', 'unet/', 'vae decoder/model.onnx']
const MADE_OF = Object.keys(content).filter((path) => !path.endsWith('.safetensors'))

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'isto-pull-'))
})
after(() => rm(root, { recursive: true }))
beforeEach(async () => {
  folder = await mkdtemp(join(root, 'm'))
  hub = await startHub(content)
  waits = []
  await writeManifest()
})
afterEach(() => hub.close())

async function writeManifest(
  source: object = {},
  files: readonly object[] = WANTED.map((path) => ({ path })),
  ...others: object[]
) {
  const manifest = {
    name: 'tiny',
    side: 8,
    description: 'A tiny model',
    licence: 'MIT',
    sources: [{ repository, revision: 'main', bytes: 640_000, ...source, files }, ...others],
  }
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest))
}

const model = () => findModel(folder, '.')

const pull = async (options: Partial<PullOptions> = {}) =>
  pullModel(await model(), {
    url: hub.url,
    signal: new AbortController().signal,
    onProgress: () => {},
    wait: async (milliseconds) => void waits.push(milliseconds),
    ...options,
  })

const refused = (message: string | RegExp, options?: Partial<PullOptions>) =>
  assert.rejects(pull(options), { name: 'UserError', message })

async function assertWhole() {
  assert.deepEqual(await findFaults(await model()), [])
  for (const path of MADE_OF) assert.ok((await readFile(join(folder, path))).equals(hub.files.get(path)!), path)
  assert.deepEqual(left(), [])
}

/** What a pull needs on its way only. */
const left = () => globSync(['**/*.part', '*.pid'], { cwd: folder })
const read = (path: string) => hub.reads.filter((one) => one.path === path)

test('everything a model is made of is fetched, compared and settled', async () => {
  assert.ok(await isUnfetched(await model()))
  assert.deepEqual(await findFaults(await model()), ['it has not been downloaded'])
  const shown: number[] = []
  const { fetched } = await pull({ onProgress: ({ bytes }) => shown.push(bytes) })
  assert.equal(fetched, MADE_OF.length)
  await assertWhole()
  assert.equal(await isUnfetched(await model()), false)
  assert.ok(!existsSync(join(folder, 'unet/diffusion_pytorch_model.safetensors')))
  const [lock] = JSON.parse(await readFile(join(folder, 'lock.json'), 'utf8')).sources
  const sha256 = createHash('sha256').update(content['unet/model.onnx_data']).digest('hex')
  assert.deepEqual([lock.repository, lock.revision, lock.commit], [repository, 'main', hub.commit])
  assert.deepEqual(lock.files.at(3), { path: 'unet/model.onnx_data', bytes: 600_000, sha256 })
  assert.deepEqual(
    shown,
    shown.toSorted((a, b) => a - b),
  )
  assert.equal(
    shown.at(-1),
    (await model()).files.reduce((sum, { bytes }) => sum + bytes, 0),
  )
})

test('a second pull asks nobody; it repairs what was damaged, from the same commit', async () => {
  await pull()
  const { length } = hub.requests
  assert.equal((await pull()).fetched, 0)
  assert.equal(hub.requests.length, length)

  const path = join(folder, 'unet/model.onnx')
  const bytes = await readFile(path)
  await writeFile(path, bytes.fill(0, 10, 20))
  assert.deepEqual(await findFaults(await model()), ['unet/model.onnx has been changed'])
  assert.equal((await pull()).fetched, 1)
  await assertWhole()
})

describe('files of several repositories', () => {
  const vision = 'somebody/vision'
  const seen = {
    'config.json': Buffer.from('{"of":"the vision"}'),
    'onnx/vision_model.onnx': randomBytes(300_000),
    'onnx/vision_model_fp16.onnx': randomBytes(3000),
    'tokenizer/vocab.json': Buffer.from('{"a":0}'),
    'tokenizer/merges.txt': Buffer.from('#version'),
  }
  const source = {
    repository: vision,
    revision: 'main',
    bytes: 300_100,
    files: [
      { path: 'onnx/vision_model.onnx', as: 'image_encoder/model.onnx' },
      { path: 'config.json', as: 'image_encoder/config.json' },
      { path: 'tokenizer/', as: 'captioner/' },
    ],
  }
  const laid = {
    'image_encoder/model.onnx': seen['onnx/vision_model.onnx'],
    'image_encoder/config.json': seen['config.json'],
    'captioner/vocab.json': seen['tokenizer/vocab.json'],
    'captioner/merges.txt': seen['tokenizer/merges.txt'],
  }
  beforeEach(async () => {
    await hub.close()
    hub = await startHub(content, { [vision]: seen })
    await writeManifest({}, undefined, source)
  })
  const assertLaid = async () => {
    await assertWhole()
    for (const [path, bytes] of Object.entries(laid)) {
      assert.ok((await readFile(join(folder, path))).equals(bytes), path)
    }
    assert.ok(!existsSync(join(folder, 'onnx')))
  }

  test('are laid where the manifest says, as one model', async () => {
    const shown: number[] = []
    const { fetched } = await pull({ onProgress: ({ bytes }) => shown.push(bytes) })
    assert.equal(fetched, MADE_OF.length + 4)
    await assertLaid()
    const { files, sources } = await model()
    assert.equal(
      shown.at(-1),
      files.reduce((sum, { bytes }) => sum + bytes, 0),
    )
    assert.deepEqual(
      sources!.map(({ repository, commit }) => [repository, commit]),
      [
        [repository, hub.commit],
        [vision, hub.commit],
      ],
    )
    const { length } = hub.requests
    assert.equal((await pull()).fetched, 0)
    assert.equal(hub.requests.length, length, 'a second pull asks nobody')
  })

  test('go on after a cut where they were, and are repaired one by one', async () => {
    hub.mood.cutAfter = () => randomInt(1, 100_000)
    await pull()
    await assertLaid()
    assert.ok(read('onnx/vision_model.onnx').length > 1)
    hub.mood.cutAfter = undefined
    hub.reads.length = 0
    await writeFile(join(folder, 'image_encoder/model.onnx'), randomBytes(300_000))
    assert.deepEqual(await findFaults(await model()), ['image_encoder/model.onnx has been changed'])
    assert.equal((await pull()).fetched, 1)
    assert.deepEqual(hub.reads, [{ path: 'onnx/vision_model.onnx', from: 0 }])
    await assertLaid()
  })

  test('that a manifest asks for later are fetched beside what is here', async () => {
    await writeManifest()
    await pull()
    await writeManifest({}, undefined, source)
    assert.deepEqual(await findFaults(await model()), ['it has not been downloaded'])
    hub.reads.length = 0
    assert.equal((await pull()).fetched, 4)
    assert.ok(hub.reads.every(({ path }) => path in seen))
    await assertLaid()

    await writeManifest({}, undefined, { ...source, files: source.files.slice(0, 2) })
    assert.deepEqual(await findFaults(await model()), [], 'less than is here is whole')
  })

  test('one that is not open keeps the model from being pulled, by name', async () => {
    await writeManifest({}, undefined, { ...source, mustBeAccepted: true })
    await refused(/^The licence of `somebody\/vision` has to be accepted first/)
    await writeManifest({}, undefined, { ...source, repository: 'somebody/blind' })
    await refused(/^There is no `somebody\/blind` on /)
    assert.deepEqual(left(), [])
    assert.ok(await isUnfetched(await model()))
  })

  test('places that lead out of the folder, or turn a folder into a file, make a manifest damaged', async () => {
    for (const as of ['../x', '/x', '', 'x/', 3]) {
      await writeManifest({}, undefined, { ...source, files: [{ path: 'config.json', as }] })
      await assert.rejects(model(), { name: 'UserError', message: /manifest\.json` is damaged/ })
    }
  })
})

test('a listing of many pages is read to its end', async () => {
  hub.mood.pageLength = 2
  await pull()
  await assertWhole()
})

describe('a connection', () => {
  test('that is cut at random bytes, again and again, goes on where it was', async () => {
    for (let round = 0; round < 5; round++) {
      await rm(folder, { recursive: true })
      await mkdir(folder)
      await writeManifest()
      hub.reads.length = 0
      hub.mood.cutAfter = () => randomInt(1, 200_000)
      await pull()
      await assertWhole()
      const [first, ...further] = read('unet/model.onnx_data').map(({ from }) => from)
      assert.equal(first, 0)
      assert.ok(further.length > 0)
      assert.deepEqual(
        further,
        [...new Set(further)].toSorted((a, b) => a - b),
        'no byte came twice',
      )
    }
  })

  test('that gives nothing is given up after five tries, and a later pull goes on', async () => {
    let left = 100_000
    hub.mood.cutAfter = () => {
      const now = left
      left = 0
      return now
    }
    await refused(/^The connection broke repeatedly at `.*`: pull again to resume\.$/)
    assert.deepEqual(waits, [1000, 2000, 4000, 8000])
    assert.equal(await findFaults(await model()).then(({ length }) => length > 0), true)
    hub.mood.cutAfter = undefined
    await pull()
    await assertWhole()
  })

  test('that is slow is waited for', async () => {
    hub.mood.pause = 3
    await pull({ stallMilliseconds: 2000 })
    await assertWhole()
    assert.deepEqual(waits, [])
  })

  test('over which nothing comes any more is begun anew', async () => {
    const stalls = [...Array(4), 100_000, 0]
    hub.mood.stallAfter = () => stalls.shift()
    await pull({ stallMilliseconds: 300 })
    await assertWhole()
    assert.equal(waits.length, 2)
  })

  test('that is not there at all is a sentence', async () => {
    await refused(
      /^127\.0\.0\.1:9 cannot be reached \(.+\): check the connection and `HF_ENDPOINT`, then pull again\.$/,
      {
        url: 'http://127.0.0.1:9',
      },
    )
    assert.deepEqual(left(), [])
  })
})

test('an interrupt leaves what came, and the next pull goes on there', async () => {
  const controller = new AbortController()
  const reason = new Error('Enough.')
  hub.mood.pause = 2
  const onProgress: PullOptions['onProgress'] = ({ bytes }) => {
    if (bytes > 300_000) controller.abort(reason)
  }
  await assert.rejects(pull({ signal: controller.signal, onProgress }), reason)
  assert.deepEqual(left(), ['unet/model.onnx_data.part'])
  const { size } = await stat(join(folder, 'unet/model.onnx_data.part'))
  assert.ok(size > 200_000 && size < 600_000)
  assert.deepEqual(await findFaults(await model()), ['unet/model.onnx_data is missing'])

  hub.mood.pause = undefined
  hub.reads.length = 0
  await pull()
  await assertWhole()
  assert.deepEqual(hub.reads, [{ path: 'unet/model.onnx_data', from: size }])
})

test('a mirror that cannot go on with half a file gives it anew, after a sentence', async () => {
  const cuts = [undefined, undefined, undefined, undefined, 100_000]
  hub.mood.cutAfter = () => cuts.shift()
  hub.mood.knowsNoRange = true
  await refused(
    /^127\.0\.0\.1:\d+ sends only whole files: pull again; `unet\/model\.onnx_data` starts from the beginning\.$/,
  )
  await pull()
  await assertWhole()
})

describe('content that is not what its checksum says', () => {
  const flip = (bytes: Buffer) => Buffer.from(bytes.map((value, index) => (index === 1 ? value ^ 1 : value)))
  for (const damaged of ['model_index.json', 'unet/model.onnx_data']) {
    test(`is thrown away: ${damaged}`, async () => {
      hub.mood.spoil = (bytes, path) => (path === damaged ? flip(bytes) : bytes)
      await refused(
        `The checksum of \`${damaged}\` of \`${repository}\` is wrong, so the file was deleted: pull again.`,
      )
      assert.ok(!existsSync(join(folder, damaged)))
      assert.deepEqual(left(), [])
      hub.mood.spoil = undefined
      await pull()
      await assertWhole()
    })
  }

  test('but lay here from an earlier time is fetched anew', async () => {
    await mkdir(join(folder, 'unet'))
    await writeFile(join(folder, 'unet/model.onnx_data.part'), randomBytes(100_000))
    await writeFile(join(folder, 'unet/model.onnx.part'), randomBytes(100_000))
    await pull()
    await assertWhole()
    assert.deepEqual(
      read('unet/model.onnx_data').map(({ from }) => from),
      [100_000, 0],
    )
  })

  test('or of another size than the manifest’s, is not asked for', async () => {
    const [sha256, bytes] = ['0'.repeat(64), 30_000]
    await writeManifest({}, [{ path: 'vae decoder/model.onnx', bytes, sha256 }])
    await refused(`\`vae decoder/model.onnx\` of \`${repository}\` is not the file that isto’s manifest names.`)
    assert.deepEqual(hub.reads, [])
  })
})

describe('access', () => {
  const token = 'hf_right'

  test('a token goes to the hub, and not to where it redirects to', async () => {
    hub.mood.tokens = [token]
    await pull({ token })
    await assertWhole()
    for (const { server, authorization } of hub.requests) {
      assert.equal(authorization, server === 'hub' ? `Bearer ${token}` : undefined)
    }
    assert.ok(hub.requests.some(({ server }) => server === 'store'))
  })

  test('a repository that is not open is a sentence, with and without a token', async () => {
    hub.mood.tokens = [token]
    await refused(/^`somebody\/tiny-onnx` on \S+ is not open to everyone \(401\): set `HF_TOKEN` if you have access/)
    await refused(/ rejects `HF_TOKEN`: make a new one at http:\S+\/settings\/tokens\.$/, { token: 'hf_old' })
    await refused(/^Expected `HF_TOKEN` to begin with `hf_`/, { token: 'secret' })
    assert.ok(await isUnfetched(await model()))
  })

  test('a licence that has to be accepted is a sentence with the address', async () => {
    hub.mood.accepted = [token]
    const sentence =
      `The licence of \`${repository}\` has to be accepted first: do so at ${hub.url}/${repository}, ` +
      `set \`HF_TOKEN\` to a token of yours (${hub.url}/settings/tokens), and pull again.`
    await refused(sentence)
    await refused(sentence, { token: 'hf_other' })
    const { length } = hub.requests
    await rm(join(folder, 'lock.json'))
    await writeManifest({ mustBeAccepted: true })
    await refused(sentence)
    assert.equal(hub.requests.length, length, 'the manifest knows it without asking')
    await pull({ token })
    await assertWhole()
  })

  test('what is not there is a sentence', async () => {
    await writeManifest({ repository: 'somebody/else' })
    await refused(/^There is no `somebody\/else` on 127\.0\.0\.1:\d+ \(404\): check `HF_ENDPOINT`\.$/)
    await writeManifest({ revision: 'v9' })
    await refused(/^Revision not found on 127\.0\.0\.1:\d+: `somebody\/tiny-onnx` may have moved/)
    await writeManifest({}, [{ path: 'unet/other.onnx' }])
    await refused(`\`${repository}\` has no \`unet/other.onnx\` (at ${hub.commit}).`)
    await writeManifest()
    hub.mood.refuse = (path) =>
      path.endsWith('unet/model.onnx') ? { status: 404, headers: { 'x-error-code': 'EntryNotFound' } } : undefined
    await refused(/File not found in/)
  })
})

describe('a hub that asks for patience', () => {
  const answers = (...given: ({ status: number; headers?: Record<string, string> } | undefined)[]) => {
    hub.mood.refuse = () => given.shift()
  }

  test('gets the pause it asks for', async () => {
    const date = new Date(Date.now() + 20_000).toUTCString()
    answers({ status: 429, headers: { 'retry-after': '7' } }, { status: 503 }, undefined, {
      status: 429,
      headers: { 'retry-after': date },
    })
    await pull()
    await assertWhole()
    assert.deepEqual(waits.slice(0, 2), [7000, 2000])
    assert.ok(waits[2]! > 17_000 && waits[2]! <= 20_000, String(waits[2]))
    assert.equal(waits.length, 3)
  })

  test('is not taken for one from which nothing comes', async () => {
    answers(...Array(4), { status: 429, headers: { 'retry-after': '1' } })
    await pull({ stallMilliseconds: 100, wait: (milliseconds) => sleep(waits.push(milliseconds) && 400) })
    await assertWhole()
    assert.deepEqual(waits, [1000])
  })

  test('too long is a sentence, and so is the fifth refusal', async () => {
    answers({ status: 429, headers: { 'retry-after': '1200' } })
    await refused(/^\S+ has had too many requests \(429\): pull again in 20 min; with `HF_TOKEN` it allows more\.$/)
    assert.deepEqual(waits, [])
    answers(...Array.from({ length: 5 }, () => ({ status: 502 })))
    await refused(/^\S+ is out of order \(502\): pull again later\.$/)
    assert.equal(waits.length, 4)
  })
})

describe('a disk', () => {
  const child = (before: readonly string[], ...args: readonly string[]) => {
    const words = [...before, process.execPath, join(import.meta.dirname, 'pull-child.ts'), folder, hub.url, ...args]
    const process_ = spawn(words[0]!, words.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] })
    return new Response(process_.stdout as unknown as ReadableStream).text()
  }
  const shell = (script: string) => ['sh', '-c', `${script} && exec "$@"`, '-']

  test('without room is found out before anything is fetched', async () => {
    hub.mood.claim = { path: 'unet/model.onnx_data', size: 2 ** 52 }
    await refused(
      /^There is no room for the model “tiny”: 4194304\.0 GB are needed, \S+ .B are free where `.*` lies\.$/,
    )
    assert.deepEqual([hub.reads, left(), existsSync(join(folder, 'lock.json'))], [[], [], false])
  })

  test('that fills up meanwhile is a sentence, and the pull goes on when there is room', async (context) => {
    const manifest = await readFile(join(folder, 'manifest.json'), 'utf8')
    const script = `mount -t tmpfs -o size=800k none ${folder} && echo '${manifest}' > ${folder}/manifest.json`
    const again = `"$@"; rm ${folder}/other; exec "$@"`
    hub.mood.pause = 2
    const said = await child(['unshare', '-rm', 'sh', '-c', `(${script}) || exit 0; ${again}`, '-'], '300000')
    if (!said) return context.skip('nothing can be mounted here')
    assert.match(
      said,
      /^UserError: `\S+model\.onnx_data\.part` cannot be written \(the disk is full\): make room, then pull again to resume\.\n/,
    )
    assert.ok(read('unet/model.onnx_data').some(({ from }) => from > 0))
  })

  test('that takes no more for another reason, likewise', async () => {
    const said = await child(shell('ulimit -f 200'))
    assert.match(
      said,
      /^UserError: `\S+model\.onnx_data\.part` cannot be written \(EFBIG\): make room, then pull again/,
    )
    assert.deepEqual(left(), ['unet/model.onnx_data.part'])
    assert.equal(await child([]), 'fetched 1\n')
    await assertWhole()
    assert.ok(read('unet/model.onnx_data').at(-1)!.from > 0)
  })
})

test('two pulls of one model do not mix', async () => {
  hub.mood.pause = 3
  const first = pull()
  while (!existsSync(join(folder, '.pulling'))) await sleep(1)
  await refused('The model “tiny” is being pulled by another process: wait for it.')
  await first
  await assertWhole()
})

test('a model that came with isto, and a damaged manifest, are sentences', async () => {
  await writeFile(join(folder, 'manifest.json'), JSON.stringify({ name: 'x', description: '', licence: '', files: [] }))
  await refused('The model “x” ships with isto: there is nothing to pull.')
  for (const source of [{ repository: '../x' }, { revision: 'a/b' }, { bytes: 'many' }]) {
    await writeManifest(source)
    await assert.rejects(model(), { name: 'UserError', message: /manifest\.json` is damaged/ })
  }
  for (const files of [[], [{ path: '../x' }], [{ path: '/' }], [{ path: 'x', bytes: 3 }]]) {
    await writeManifest({}, files)
    await assert.rejects(model(), { name: 'UserError', message: /manifest\.json` is damaged/ })
  }
})
