import assert from 'node:assert/strict'
import { test } from 'node:test'
import { attributesOf } from '../../../../models/emoji/train/caption.ts'
import { drawChange } from '../../../../models/emoji/train/change.ts'
import { loadWorld } from '../../../../models/emoji/train/icons.ts'
import { ATTRIBUTES, phrasesOf } from '../../../../models/emoji/train/names.ts'
import { createRenderer } from '../../../../models/emoji/train/render.ts'
import { drawScene } from '../../../../models/emoji/train/scene.ts'
import { seeded } from '../../../../models/emoji/train/uniform.ts'

test('a change is one that is said and seen: one or two attributes, and what they bring along', async () => {
  const world = await loadWorld('trained')
  const [uniform, renderer] = [seeded(11), createRenderer(64)]
  const counts = new Map<string, number>()
  for (let index = 0; index < 60; index++) {
    const scene = drawScene(uniform, world)
    const made = drawChange(uniform, scene, world)
    const both = attributesOf(scene, world).filter((name) => attributesOf(made, world).includes(name))
    const changed = ATTRIBUTES.filter((name) => phrasesOf(name, scene)[0] !== phrasesOf(name, made)[0])
    const said = changed.filter((name) => both.includes(name))
    assert.ok(said.length <= 2, `${said}`)
    for (const name of changed) counts.set(name, (counts.get(name) ?? 0) + 1)
    const [before, after] = [await renderer.render(scene), await renderer.render(made)]
    if (said.some((name) => name === 'style' || name === 'thing' || name === 'frame'))
      assert.notDeepEqual(before, after)
  }
  assert.ok(counts.size >= 10, `${[...counts.keys()]}`)
})
