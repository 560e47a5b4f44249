import assert from 'node:assert/strict'
import { test } from 'node:test'
import sharp from 'sharp'
import { applyExact } from '../../src/exact/apply.ts'
import { describeExact } from '../../src/exact/describe.ts'
import { fitExact, isExact, isPart } from '../../src/exact/fit.ts'
import { exactFromJson, exactToJson } from '../../src/exact/json.ts'
import { distance, fromBytes, over, type Raster, white } from '../../src/exact/raster.ts'
import { identity, resized } from '../../src/exact/warp.ts'
import { english } from '../../src/sentence.ts'
import { icon } from './icons.ts'
import { meaningPairs, mixedPairs, skinTones } from './meaning.ts'
import { exactTriples } from './triples.ts'

const SMALL = 128
const MOST_ERROR = 0.06

async function read(picture: Uint8Array, longest: number): Promise<Raster> {
  const { data, info } = await sharp(picture)
    .ensureAlpha()
    .resize(longest, longest, { fit: 'inside', withoutEnlargement: true })
    .raw()
    .toBuffer({ resolveWithObject: true })
  return fromBytes({ width: info.width, height: info.height, data })
}

const fitOf = async (a: Buffer, a2: Buffer) => fitExact(await read(a, SMALL), await read(a2, SMALL))

test('exact kinds are taken, and B′ is right', async () => {
  const triples = await exactTriples(1)
  const wrong: string[] = []
  for (const { name, a, a2, b, truth } of triples) {
    const fit = await fitOf(a, a2)
    // As a difference file keeps it.
    const difference = exactFromJson(exactToJson(fit.difference))
    assert.ok(difference, name)
    const b2 = isExact(fit) ? applyExact(difference, await read(b, 2048)) : undefined
    const wanted = over(await read(truth, SMALL), white)
    const error = b2 ? distance(over(resized(b2, wanted.width, wanted.height), white), wanted) : Number.NaN
    if (!(error <= MOST_ERROR)) wrong.push(`${name}: ${error.toFixed(3)}, residual ${fit.residual.toFixed(3)}`)
  }
  assert.ok(triples.length >= 36)
  assert.ok(wrong.length <= 0.05 * triples.length, wrong.join('\n'))
})

/** A lighthouse whose white tower is hidden by a white background; perhaps snow falls. */
const lighthouse = (background: string, snow = '') =>
  sharp(
    Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="256" height="256">
      <rect width="256" height="256" fill="${background}"/>
      <path d="M98 220 L112 80 L144 80 L158 220 Z" fill="white"/><path d="M104 160 L109 120 L147 120 L152 160 Z M104 80 L128 40 L152 80 Z" fill="#c33"/>
      ${snow}</svg>`),
  )
    .png()
    .toBuffer()

test('what is white on white is seen before another colour; what is new there is learned', async () => {
  const a = await lighthouse('white')
  const coloured = await fitOf(a, await lighthouse('#2a6'))
  assert.ok(isExact(coloured), `${coloured.residual}, worst ${coloured.worst}`)
  const flakes = [30, 60, 200, 230].map((x, index) => `<circle cx="${x}" cy="${40 + 50 * index}" r="11" fill="white"/>`)
  assert.ok(!isExact(await fitOf(a, await lighthouse('#2a6', flakes.join('')))))
})

test('of pairs of meaning none is taken', async () => {
  const pairs = await meaningPairs(5)
  const taken: string[] = []
  for (const { name, a, a2 } of pairs) {
    const fit = await fitOf(a, a2)
    if (isExact(fit)) taken.push(`${name}: ${english(describeExact(fit.difference))}`)
  }
  assert.ok(pairs.length >= 25)
  assert.deepEqual(taken, [])
})

test('a skin tone is no rule of colours: none is taken, of hands and people that nothing was chosen by', async () => {
  const pairs = await skinTones()
  const taken: string[] = []
  for (const { name, a, a2 } of pairs) {
    const fit = await fitOf(a, a2)
    if (isExact(fit)) taken.push(`${name}: ${english(describeExact(fit.difference))}`)
  }
  assert.ok(pairs.length >= 12)
  assert.deepEqual(taken, [])
})

test('of a thing that is moved and changed the move is found, and the change is left', async () => {
  const pairs = await mixedPairs(5)
  const found: string[] = []
  for (const { a, a2 } of pairs) {
    const fit = await fitOf(a, a2)
    assert.ok(!isExact(fit))
    if (isPart(fit))
      found.push(english(describeExact({ ...fit.difference, warp: { ...fit.difference.warp, turn: 0 } })))
  }
  assert.ok(pairs.length >= 8)
  const isRight = (said: string) =>
    /at 5[1-5] % of its size, moved 1[567] % to the right, moved (8|9|10) % down/.test(said)
  assert.ok(found.length >= 0.7 * pairs.length, `${found.length} of ${pairs.length}`)
  assert.ok(found.every(isRight), found.join('\n'))
})

test('strength: nothing at 0, half-way at a half, undone at −1', async () => {
  const a = await icon('twemoji:rocket', 180, 256)
  const a2 = await sharp(a).rotate(90).png().toBuffer()
  const { difference } = await fitOf(a, a2)
  const [before, after] = [over(await read(a, 256), white), over(await read(a2, 256), white)]
  assert.equal(applyExact(difference, before, 0), before)
  assert.ok(distance(applyExact(difference, after, -1)!, before) < 0.02)
  const dim = {
    ...difference,
    warp: identity,
    colours: { kind: 'matrix', name: 'contrast', values: [0.5, 0, 0, 0.2, 0, 0.6, 0, 0.2, 0.1, 0, 0.5, 0] },
  } as const
  assert.ok(distance(applyExact(dim, applyExact(dim, before)!, -1)!, before) < 0.001)
  const eighth = applyExact(difference, before, 0.5)!
  assert.ok(distance(applyExact(difference, eighth, 0.5)!, after) < 0.04)
})

test('B keeps its own resolution', async () => {
  const { difference } = await fitOf(await icon('noto:pizza', 180, 256), await icon('noto:pizza', 90, 256))
  assert.equal(english(describeExact(difference)), 'A′ is A at 50 % of its size')
  const b = await read(await icon('twemoji:frog', 800, 1024), 2048)
  const b2 = applyExact(difference, b)!
  assert.deepEqual([b2.width, b2.height], [1024, 1024])
  assert.ok(distance(over(b2, white), over(await read(await icon('twemoji:frog', 400, 1024), 2048), white)) < 0.02)
})

test('what is not such a difference is not read', () => {
  for (const json of ['', '{}', '[]', 'null', '{"format":1,"moves":"picture","warp":{"scale":1e9}}']) {
    assert.equal(exactFromJson(json), undefined)
  }
})
