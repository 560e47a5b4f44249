import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fullCaption, MOST_TOKENS, tokensIn } from '../../../../models/emoji/train/caption.ts'
import { holdsOutThing, holdsOutTreatment } from '../../../../models/emoji/train/holdouts.ts'
import { loadWorld } from '../../../../models/emoji/train/icons.ts'
import { ATTRIBUTES, phrasesOf } from '../../../../models/emoji/train/names.ts'
import { drawScene, wantedScenes } from '../../../../models/emoji/train/scene.ts'
import { seeded } from '../../../../models/emoji/train/uniform.ts'
import { drawCaption, drawCorrected } from '../../../../models/emoji/train/wording.ts'
import { HELD_OUT_STYLE, type Scene } from '../../../../models/emoji/train/world.ts'

const trained = await loadWorld('trained')
const scenes = (holdouts: string, count: number) => {
  const uniform = seeded(1)
  const wanted = wantedScenes(holdouts)
  return Array.from({ length: count }, (_, index) => drawScene(uniform, trained, (scene) => wanted(scene, index)))
}
const heldOut = (scene: Scene) => holdsOutThing(scene) || holdsOutTreatment(scene)

test('held-out combinations are drawn when asked for, and only then', () => {
  assert.equal(scenes('without', 2000).filter(heldOut).length, 0)
  assert.equal(scenes('only', 200).filter(heldOut).length, 200)
  const some = scenes('with', 2000).filter(heldOut).length
  assert.ok(some > 30 && some < 1000, `${some}`)
})

test('every caption fits a prompt, and a correction ends with what is true', () => {
  const uniform = seeded(2)
  for (const scene of scenes('with', 500)) {
    const corrected = drawCorrected(uniform, scene, trained)
    for (const caption of [fullCaption(scene, trained), drawCaption(uniform, scene, trained), corrected])
      assert.ok(tokensIn(caption) <= MOST_TOKENS, caption)
    const last = corrected.split(', ').at(-1)
    assert.ok(
      ATTRIBUTES.some((name) => phrasesOf(name, scene)[0] === last),
      corrected,
    )
    assert.notEqual(corrected, fullCaption(scene, trained))
  }
})

test('what is held out wholly is in worlds of its own', async () => {
  const [strangers, style] = [await loadWorld('held-out things'), await loadWorld('held-out style')]
  assert.equal(strangers.things.filter((thing) => trained.things.includes(thing)).length, 0)
  assert.deepEqual(style.styles, [HELD_OUT_STYLE])
  const uniform = seeded(3)
  for (const world of [strangers, style]) {
    const scene = drawScene(uniform, world)
    const captions = [
      fullCaption(scene, world),
      drawCaption(uniform, scene, world),
      drawCorrected(uniform, scene, world),
    ]
    assert.ok(!captions.some((caption) => caption.includes(HELD_OUT_STYLE)), `${captions}`)
    assert.equal(fullCaption(scene, world).startsWith('something'), world === strangers)
  }
  assert.ok(!trained.styles.includes(HELD_OUT_STYLE) && trained.things.length === 128)
  assert.ok(!trained.tonesOf.has('dog-face') && trained.tonesOf.get('thumbs-up')!.length === 4)
})
