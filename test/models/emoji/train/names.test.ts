import assert from 'node:assert/strict'
import { test } from 'node:test'
import { COLOURS, namesOf } from '../../../../models/emoji/train/colours.ts'
import { ATTRIBUTES, phrasesOf, turnOf } from '../../../../models/emoji/train/names.ts'
import { valuesOf } from '../../../../models/emoji/train/values.ts'
import { PLAIN, type Scene, TURNS } from '../../../../models/emoji/train/world.ts'

const dog: Scene = { ...PLAIN, thing: 'dog-face', style: 'flat' }

test('a colour is called by the nearest name, or lies between two', () => {
  assert.deepEqual(namesOf([250, 255, 250]), ['white'])
  assert.deepEqual(namesOf([137, 137, 137]), ['grey'])
  const [red, blue] = [COLOURS.red, COLOURS.blue]
  assert.deepEqual(namesOf([(red[0] + blue[0]) / 2, (red[1] + blue[1]) / 2, (red[2] + blue[2]) / 2]), ['red', 'blue'])
})

test('turns are called by the nearest, all the way round', () => {
  for (const [name, turn] of Object.entries(TURNS)) {
    for (const angle of [turn - 14, turn, turn + 14, turn + 360, turn - 360])
      assert.equal(turnOf({ turn: angle }), name, `${angle}`)
  }
})

test('every value that has words has words of its own', () => {
  for (const attribute of ATTRIBUTES) {
    const phrases = valuesOf(attribute).map((scene) => phrasesOf(attribute, scene)[0]!)
    assert.equal(new Set(phrases).size, phrases.length, attribute)
  }
})

test('what a phrase says', () => {
  const said = (attribute: (typeof ATTRIBUTES)[number], change: Partial<Scene>) =>
    phrasesOf(attribute, { ...dog, ...change })[0]
  assert.equal(
    said('background', { fade: { to: COLOURS.teal, sideways: true } }),
    'on a background fading from white to teal sideways',
  )
  assert.equal(said('across', { place: [-0.9, 0] }), 'on the far left')
  assert.equal(said('down', { place: [0, 0.4] }), 'at the bottom')
  assert.equal(said('frame', { frame: 'red', frameWidth: 0.03 }), 'thinly framed in red')
  assert.equal(said('turn', { turn: -150 }), 'upside down and tilted right')
})
