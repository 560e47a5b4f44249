import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { crc32 } from 'node:zlib'
import sharp from 'sharp'
import { type LoopbackHub, REPOSITORY_OF_THE_HUB, startHub } from './loopback/hub.ts'

const CLI = fileURLToPath(new URL('../src/cli.ts', import.meta.url))
const concurrency = availableParallelism()

let root: string
let inputs: string
/** What is in that folder before a test, and after. */
let given: string[]

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'isto-cli-'))
  inputs = await emptyFolder()
  await writeInputs()
})
after(() => rm(root, { recursive: true }))

describe('bad arguments and files: one sentence, exit 2, nothing left', { concurrency }, () => {
  for (const [what, words, sentence] of [
    ['no command', '', /^A command is missing: expected `analogy`, /],
    ['an unknown command', 'frobnicate', /^There is no command `frobnicate`/],
    ['half of a command', 'bench', /^A command is missing: expected `bench step`/],
    ['an unknown option', 'analogy --frob', /^`analogy` has no option `--frob`/],
    ['a missing option', 'analogy --a a.png --a2 a2.png --b b.png', /^`analogy` needs `--out FILE`\.$/],
    ['a missing value', 'analogy --a --json', /^Expected `--a` to be given as `--a FILE`\.$/],
    ['half a pair', 'learn --pair a.png --out d', /^Expected `--pair` to be given as `--pair A A2`\.$/],
    [
      'a strength NaN',
      analogy('--strength NaN'),
      /^Expected `--strength` to be a number from -100 to 100, got `NaN`\.$/,
    ],
    ['an infinite strength', analogy('--strength=Infinity'), /^Expected `--strength` to be a number/],
    ['a preserve of 2', analogy('--preserve 2'), /^Expected `--preserve` to be a number from 0 to 1, got `2`\.$/],
    ['half a step', analogy('--steps 1.5'), /^Expected `--steps` to be a whole number/],
    ['a negative seed', analogy('--seed -1'), /^Expected `--seed` to be a whole number from 0 to 4294967295/],
    ['an unknown mode', analogy('--mode slow'), /^Expected `--mode` to be `fast` or `parity`, got `slow`\.$/],
    ['an unknown model', analogy('--model nope'), /^There is no model `nope`/],
    ['a file that is missing', analogy('', { a: 'gone.png' }), /^`\S*gone\.png` \(--a\) does not exist/],
    ['a folder', analogy('', { b: 'folder' }), /^`\S*folder` \(--b\) is a folder: give a file\.$/],
    ['a device', analogy('', { b: '/dev/zero' }), /^`\/dev\/zero` \(--b\) is not a regular file\.$/],
    ['an empty file', analogy('', { a2: 'empty.png' }), /^`\S*empty\.png` \(--a2\) is empty/],
    ['a file of 11 MB', analogy('', { b: 'large.png' }), /^`\S*large\.png` \(--b\) is larger than 10 MB/],
    [
      'a strength of a difference',
      'apply --diff d:NaN --image b.png --out out.png',
      /^Expected the strength in `--diff d:NaN`/,
    ],
    [
      'no folder for the result',
      analogy('', { out: 'gone/out.png' }),
      /\(--out\) cannot be written: there is no folder/,
    ],
    [
      'a folder for the result',
      analogy('', { out: 'folder' }),
      /\(--out\) is a folder: give the name of a file in it\.$/,
    ],
    ['a device for the result', analogy('', { out: '/dev/null' }), /\(--out\) is not a regular file\.$/],
    ['a result of another kind', analogy('', { out: 'out.jpg' }), /\(--out\) would be a png file whatever its name/],
  ] as const) {
    test(what, () => refused(words, sentence))
  }

  test('help is no error', async () => {
    for (const words of ['--help', 'analogy --help', 'models --help']) {
      const { code, stdout, stderr } = await isto(words, inputs)
      assert.deepEqual([code, stderr], [0, ''])
      assert.match(stdout, /npm run --silent isto -- /)
    }
  })
})

describe('bad pictures: one sentence, exit 2, nothing left', { concurrency }, () => {
  for (const [what, words, sentence] of [
    ['not a picture', analogy('', { a: 'text.png' }), /^A is not a picture/],
    ['an SVG', analogy('', { a2: 'drawing.svg' }), /^A′ is an SVG drawing/],
    ['a PNG that is cut off', analogy('', { b: 'cut.png' }), /^B is damaged or cut off/],
    ['a decompression bomb', analogy('', { b: 'bomb.png' }), /^B is 40000 × 40000 pixels/],
    ['a single pixel', analogy('', { b: 'dot.png' }), /^B is 1 × 1 pixels/],
    ['the same picture twice', analogy('', { a2: 'a.png' }), /no difference to learn/],
    ['the same picture in two formats', 'learn --pair a.png a.webp --out d.safetensors', /no difference to learn/],
    ['a picture for a difference', 'apply --diff a.png --image b.png --out out.png', /is not a safetensors file/],
    ['an SVG to apply to', 'learn --pair a.png drawing.svg --out d.safetensors', /is an SVG drawing/],
  ] as const) {
    test(what, () => refused(words, sentence))
  }
})

describe('every kind of picture works', () => {
  const short = '--steps 2 --strength 1 --preserve 0.5 --json'

  test('16 bits with transparency, CMYK of another size, an animation', async () => {
    const folder = await emptyFolder()
    const files = { a: 'deep.png', a2: 'cmyk.jpg', b: 'animated.gif', out: join(folder, 'out.png') }
    const { code, stdout, stderr } = await isto(analogy(short, files), inputs)
    assert.deepEqual([code, told(stderr)], [0, 'B is animated; its first frame was used.\n'])
    const report = JSON.parse(stdout)
    assert.equal(report.out, files.out)
    assert.equal(report.model, 'emoji')
    assert.ok(report.seconds.total > 0 && report.peakRssBytes > 0)
    const { width, height } = await sharp(files.out).metadata()
    assert.equal(width! / height!, 2)
    assert.deepEqual(await readdir(folder), ['out.png'])
  })

  test('greyscale and EXIF-rotated; and the same seed gives the same bytes', async () => {
    const folder = await emptyFolder()
    const files = (out: string) => ({ a: 'grey.jpg', a2: 'a2.png', b: 'turned.jpg', out: join(folder, out) })
    for (const out of ['1.png', '2.png']) {
      const { code, stderr } = await isto(analogy(`${short} --seed 7`, files(out)), inputs)
      assert.deepEqual([code, told(stderr)], [0, ''])
    }
    const [first, second] = await Promise.all(['1.png', '2.png'].map((name) => readFile(join(folder, name))))
    assert.deepEqual(first, second)
    const { width, height } = await sharp(first).metadata()
    assert.equal(height! / width!, 2, 'upright')
  })

  test('a JPEG that is cut off is read as far as it goes', async () => {
    const out = join(await emptyFolder(), 'out.png')
    const { code, stderr } = await isto(analogy(short, { b: 'cut.jpg', out }), inputs)
    assert.equal(code, 0, stderr)
    assert.match(told(stderr), /^B is cut off: a part of it is missing\.$/m)
    assert.equal((await sharp(out).metadata()).format, 'png')
  })

  test('a difference that was learned is applied', async () => {
    const folder = await emptyFolder()
    const [diff, out] = [join(folder, 'd.safetensors'), join(folder, 'out.png')]
    const learned = await isto(`learn --pair a.png a2.png --out ${diff} --steps 2 --json`, inputs)
    assert.deepEqual([learned.code, JSON.parse(learned.stdout).out], [0, diff])
    const applied = await isto(`apply --diff ${diff}:0.5 --image b.png --out ${out} --json`, inputs)
    assert.deepEqual([applied.code, JSON.parse(applied.stdout).out], [0, out])
    assert.equal((await sharp(out).metadata()).format, 'png')
  })

  test('an interrupt ends the job and leaves nothing', async () => {
    const folder = await emptyFolder()
    const words = analogy('--learned --steps 100000', { out: join(folder, 'out.png') })
    const started = performance.now()
    const { code, stderr } = await isto(words, inputs, (child) => void sleep(3000).then(() => child.kill('SIGINT')))
    assert.equal(code, 130)
    assert.match(stderr, /Interrupted\.\n$/)
    assert.ok(performance.now() - started < 30_000)
    assert.deepEqual(await readdir(folder), [])
  })
})

describe('models', { concurrency }, () => {
  test('the model that ships is listed and whole', async () => {
    const listed = await isto('models list --json', inputs)
    const { models } = JSON.parse(listed.stdout)
    assert.ok(models.some(({ name, isComplete }: Record<string, unknown>) => name === 'emoji' && isComplete === true))
    const checked = await isto('models check emoji', inputs)
    assert.deepEqual([checked.code, checked.stderr], [0, ''])
    assert.match(checked.stdout, /^emoji is whole: \d+ files, [\d.]+ MB\.\n$/)
  })

  test('a damaged model is found out', async () => {
    const folder = await emptyFolder()
    const files = [{ path: 'x.onnx', bytes: 3, sha256: '0'.repeat(64) }]
    await writeFile(join(folder, 'manifest.json'), JSON.stringify({ name: 'x', description: '', licence: '', files }))
    await writeFile(join(folder, 'x.onnx'), 'abc')
    const { code, stdout, stderr } = await isto(`models check ${folder}`, inputs)
    assert.deepEqual([code, stdout], [2, ''])
    assert.equal(stderr, 'The model “x” is damaged: x.onnx has been changed; download it again.\n')
  })

  test('one that came without checksums is tried out', async () => {
    const folder = fileURLToPath(new URL('fixtures/pipelines/sd21', import.meta.url))
    const { code, stdout } = await isto(`models check ${folder}`, inputs)
    assert.equal(code, 0)
    assert.match(
      stdout,
      /^sd21 can be used: a learning step takes \S+ m?s and [\d.]+ MB of memory\. It has no manifest/,
    )
    const nothing = await isto(`models check ${inputs}`, inputs)
    assert.equal(nothing.code, 2)
    assert.match(
      nothing.stderr,
      /^There is no model in `\S+`: it has neither a model_index\.json nor a manifest\.json\.\n$/,
    )
  })

  test('a network that predicts something else than its files say is found out', async () => {
    const folder = await emptyFolder()
    const own = fileURLToPath(new URL('../models/emoji', import.meta.url))
    for (const part of await readdir(own)) {
      if (part !== 'manifest.json' && part !== 'scheduler') await symlink(join(own, part), join(folder, part))
    }
    const manifest = { name: 'mistaken', description: '', licence: '', side: 128, files: [] }
    await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest))
    await mkdir(join(folder, 'scheduler'))
    const scheduler = JSON.parse(await readFile(join(own, 'scheduler/scheduler_config.json'), 'utf8'))
    const said = JSON.stringify({ ...scheduler, prediction_type: 'epsilon' })
    await writeFile(join(folder, 'scheduler/scheduler_config.json'), said)
    const { code, stderr } = await isto(`models check ${folder}`, inputs)
    assert.equal(code, 2, stderr)
    assert.match(stderr, /predicts v: write @v behind its path\.\n$/)
  })

  test('those that can be fetched are listed as such', async () => {
    const { stdout } = await isto('models list --json', inputs)
    const { models } = JSON.parse(stdout)
    const states = new Map(models.map(({ name, state }: Record<string, string>) => [name, state]))
    assert.equal(states.get('emoji'), 'whole')
    const isBegun = existsSync(fileURLToPath(new URL('../models/sd-1.5/lock.json', import.meta.url)))
    assert.equal(states.get('sd-1.5') !== 'not fetched', isBegun)
    assert.ok(states.has('sd-1.5'))
  })
})

describe('models pull', () => {
  let hub: LoopbackHub
  let folder: string
  const weights = Buffer.alloc(2_000_000, 'weights')
  before(async () => {
    hub = await startHub({ 'unet/model.onnx': weights, 'model_index.json': Buffer.from('{}') })
    folder = await emptyFolder()
    const manifest = {
      name: 'tiny',
      description: 'A tiny model',
      licence: 'MIT',
      note: 'It is tiny.',
      sources: [
        {
          repository: REPOSITORY_OF_THE_HUB,
          revision: 'main',
          bytes: weights.length,
          files: [{ path: 'unet/model.onnx' }, { path: 'model_index.json' }],
        },
      ],
    }
    await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest))
  })
  after(() => hub.close())
  const pull = (more = '', onStart?: (child: ChildProcess) => void) =>
    isto(`models pull ${folder}${more}`, inputs, onStart, { HF_ENDPOINT: `${hub.url}/`, HF_TOKEN: '' })

  test('what is not here cannot be checked or used', async () => {
    const sentence = 'The model “tiny” has not been downloaded yet: `npm run --silent isto -- models pull tiny`.\n'
    for (const words of [`models check ${folder}`, analogy(`--model ${folder}`)]) {
      const { code, stderr } = await isto(words, inputs)
      assert.deepEqual([code, stderr], [2, sentence])
    }
  })

  test('Ctrl-C leaves what came, and the same words go on there', async () => {
    hub.mood.pause = 20
    const interrupted = await pull('', (child) => {
      const timer = setInterval(() => {
        if (hub.reads.length < 2) return
        clearInterval(timer)
        setTimeout(() => child.kill('SIGINT'), 300)
      }, 20)
    })
    const licence = 'The licence of “tiny”: MIT.\nIt is tiny.\n'
    assert.deepEqual(interrupted, {
      code: 130,
      stdout: '',
      stderr: `${licence}Interrupted: call \`models pull\` again to resume.\n`,
    })
    assert.deepEqual((await readdir(folder)).sort(), [
      '.pulling',
      'lock.json',
      'manifest.json',
      'model_index.json',
      'unet',
    ])
    assert.deepEqual(await readdir(join(folder, 'unet')), ['model.onnx.part'])

    hub.mood.pause = undefined
    const { code, stdout, stderr } = await pull(' --json')
    assert.deepEqual([code, stderr], [0, licence])
    const { name, files, bytes, state, sources, fetched } = JSON.parse(stdout)
    assert.deepEqual([name, files, bytes, state, fetched], ['tiny', 2, weights.length + 2, 'whole', 1])
    assert.deepEqual(sources, [{ repository: REPOSITORY_OF_THE_HUB, revision: 'main', commit: hub.commit }])
    assert.ok(hub.reads.at(-1)!.from > 0)
    assert.equal((await isto(`models check ${folder}`, inputs)).stdout, 'tiny is whole: 2 files, 1.9 MB.\n')
  })

  test('a second time says so and asks nobody', async () => {
    const { length } = hub.requests
    const { code, stdout } = await pull()
    assert.deepEqual([code, stdout], [0, 'tiny is here and whole: 2 files, 1.9 MB.\n'])
    assert.equal(hub.requests.length, length)
  })

  test('a refusal is one sentence', async () => {
    await rm(join(folder, 'unet'), { recursive: true })
    hub.mood.accepted = []
    const { code, stdout, stderr } = await pull()
    assert.deepEqual([code, stdout], [2, ''])
    assert.match(stderr, /\nThe licence of `somebody\/tiny-onnx` has to be accepted first: do so at http:[^\n]+\n$/)
  })
})

/** Words of an analogy; each file may be replaced. */
function analogy(more: string, files: Partial<Record<'a' | 'a2' | 'b' | 'out', string>> = {}): string {
  const { a = 'a.png', a2 = 'a2.png', b = 'b.png', out = 'out.png' } = files
  return `analogy --a ${a} --a2 ${a2} --b ${b} --out ${out} ${more}`
}

async function refused(words: string, sentence: RegExp) {
  const { code, stdout, stderr } = await isto(words, inputs)
  assert.equal(code, 2, stderr)
  assert.equal(stdout, '')
  assert.match(stderr, /^[^\n]+\n$/, 'one line')
  assert.match(stderr.trimEnd(), sentence)
  assert.deepEqual((await readdir(inputs)).sort(), given)
}

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** What was said, but for how far it is: a slow machine says that every five seconds. */
const told = (stderr: string) => stderr.replaceAll(/^[^\n]+: \d+ of \d+(, [^\n]+ left)?\n/gm, '')

/** Runs the command line as it is, with `cwd` as working directory. */
function isto(
  words: string,
  cwd: string,
  onStart?: (child: ChildProcess) => void,
  settings: Record<string, string> = {},
): Promise<Ended> {
  const env = { ...process.env, ...settings }
  const child = spawn(process.execPath, [CLI, ...words.split(' ').filter(Boolean)], { cwd, env })
  const output = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      output[stream] += text
    })
  }
  onStart?.(child)
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (code) => resolve({ code, ...output }))
  })
}

const emptyFolder = () => mkdtemp(join(root, 'f'))

async function writeInputs() {
  const write = (name: string, bytes: Uint8Array | string) => writeFile(join(inputs, name), bytes)
  const a = () => dotOn('#e8e8e8', 64, 64)
  await write('a.png', await a().png().toBuffer())
  await write('a.webp', await a().webp({ lossless: true }).toBuffer())
  await write('a2.png', await dotOn('#2060c0', 64, 64).png().toBuffer())
  await write('b.png', await dotOn('#f0d040', 120, 60).png().toBuffer())
  await write('deep.png', await a().ensureAlpha(0.8).toColourspace('rgb16').png().toBuffer())
  await write('cmyk.jpg', await dotOn('#2060c0', 100, 100).toColourspace('cmyk').jpeg().toBuffer())
  await write('grey.jpg', await a().toColourspace('b-w').jpeg().toBuffer())
  await write('turned.jpg', await dotOn('#f0d040', 80, 40).withMetadata({ orientation: 6 }).jpeg().toBuffer())
  const frames = await Promise.all(['red', 'blue'].map((colour) => dotOn(colour, 80, 40).raw().toBuffer()))
  const animation = { width: 80, height: 80, channels: 3, pageHeight: 40 } as const
  await write('animated.gif', await sharp(Buffer.concat(frames), { raw: animation }).gif().toBuffer())

  await write('empty.png', '')
  await write('text.png', 'hello')
  await write(
    'drawing.svg',
    '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><rect width="9" height="9"/></svg>',
  )
  await write('dot.png', await dotOn('red', 1, 1).png().toBuffer())
  const whole = {
    jpg: await dotOn('red', 200, 200).jpeg().toBuffer(),
    png: await dotOn('red', 200, 200).png().toBuffer(),
  }
  for (const [format, bytes] of Object.entries(whole)) await write(`cut.${format}`, bytes.subarray(0, bytes.length / 2))
  await write('bomb.png', bomb(await a().png().toBuffer()))
  await write('large.png', '')
  await truncate(join(inputs, 'large.png'), 11 * 2 ** 20)
  await mkdir(join(inputs, 'folder'))
  given = (await readdir(inputs)).sort()
}

function dotOn(background: string, width: number, height: number) {
  const dot = Buffer.from(
    `<svg width="${width}" height="${height}"><circle cx="50%" cy="50%" r="25%" fill="#a03010"/></svg>`,
  )
  return sharp({ create: { width, height, channels: 3, background } })
    .composite([{ input: dot }])
    .removeAlpha()
}

/** The same PNG, but its header claims 40000 × 40000 pixels. */
function bomb(png: Uint8Array): Uint8Array {
  const changed = Buffer.from(png)
  changed.writeUInt32BE(40_000, 16)
  changed.writeUInt32BE(40_000, 20)
  changed.writeUInt32BE(crc32(changed.subarray(12, 29)), 29)
  return changed
}
