import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fullCaption, MOST_TOKENS, tokensIn } from '../../../../models/emoji/train/caption.ts'
import { holdsOutThing, holdsOutTreatment } from '../../../../models/emoji/train/holdouts.ts'
import { loadWorld } from '../../../../models/emoji/train/icons.ts'
import { createRenderer } from '../../../../models/emoji/train/render.ts'
import { drawScene, wantedScenes } from '../../../../models/emoji/train/scene.ts'
import { seeded } from '../../../../models/emoji/train/uniform.ts'
import { drawCaption, drawCorrected } from '../../../../models/emoji/train/wording.ts'
import { PLAIN, phrasesOf, type Scene } from '../../../../models/emoji/train/world.ts'

const core = await loadWorld('core')
const dog: Scene = { ...PLAIN, thing: 'dog-face', style: 'flat' }

const scenes = (holdouts: string, count: number) => {
  const uniform = seeded(1)
  const wanted = wantedScenes(holdouts)
  return Array.from({ length: count }, (_, index) => drawScene(uniform, core, (scene) => wanted(scene, index)))
}
const heldOut = (scene: Scene) => holdsOutThing(scene) || holdsOutTreatment(scene)

test('held-out combinations are drawn when asked for, and only then', () => {
  assert.equal(scenes('without', 2000).filter(heldOut).length, 0)
  assert.equal(scenes('only', 200).filter(heldOut).length, 200)
  const some = scenes('with', 2000).filter(heldOut).length
  assert.ok(some > 50 && some < 1000, `${some}`)
})

test('every caption fits a prompt, and a correction ends with what is true', () => {
  const uniform = seeded(2)
  for (const scene of scenes('with', 500)) {
    const corrected = drawCorrected(uniform, scene, core)
    for (const caption of [fullCaption(scene, core), drawCaption(uniform, scene, core), corrected])
      assert.ok(tokensIn(caption) <= MOST_TOKENS, caption)
    const last = corrected.split(', ').at(-1)
    const attributes = ['thing', ...(Object.keys(PLAIN) as (keyof Scene)[]), 'style'] as (keyof Scene)[]
    assert.ok(
      attributes.some((name) => phrasesOf(name, scene)[0] === last),
      corrected,
    )
    assert.notEqual(corrected, fullCaption(scene, core))
  }
})

test('a full world has every thing of the core, in more styles', async () => {
  const full = await loadWorld('full')
  for (const thing of core.things) assert.ok(full.stylesOf.get(thing)!.length > 4, thing)
  assert.ok(full.things.length > 1300)
  assert.ok(!full.tonesOf.has('dog-face') && full.tonesOf.get('thumbs-up')!.length === 6)
})

test('what a scene adds is seen: companion to the right, shadow below, a blend between its colours', async () => {
  const { render } = await createRenderer(64)
  const at = (picture: Uint8Array, x: number, y: number) => [
    ...picture.subarray((y * 64 + x) * 3, (y * 64 + x) * 3 + 3),
  ]
  assert.deepEqual(at(await render({ ...dog, background: 'black and white' }), 0, 0), [138, 138, 138])
  const alone = await render({ ...dog, size: 'small' })
  const shadowed = await render({ ...dog, size: 'small', shadow: true })
  assert.deepEqual(at(alone, 35, 46), [255, 255, 255])
  assert.ok(at(shadowed, 35, 46)[0]! < 200)
  const left = await render({ ...dog, beside: 'cat-face' })
  const other = await render({ ...dog, beside: 'tiger-face' })
  const changed = [...left].flatMap((value, index) => (value === other[index] ? [] : [Math.floor(index / 3) % 64]))
  assert.ok(changed.length > 500 && Math.min(...changed) >= 31)
})

test('a mirrored thing turns the other way round', async () => {
  const { render } = await createRenderer(64)
  const flip = (picture: Uint8Array) =>
    picture.map((_, index) => {
      const [pixel, channel] = [Math.floor(index / 3), index % 3]
      return picture[(pixel - (pixel % 64) + 63 - (pixel % 64)) * 3 + channel]!
    })
  const airplane: Scene = { ...dog, thing: 'airplane', size: 'medium' }
  const mirrored = await render({ ...airplane, turn: 'tilted left', mirrored: true })
  const tilted = flip(await render({ ...airplane, turn: 'tilted right' }))
  const error = mirrored.reduce((sum, value, index) => sum + Math.abs(value - tilted[index]!), 0) / mirrored.length
  assert.ok(error < 4, `${error}`)
})
