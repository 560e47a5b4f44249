import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lossCurve } from '../../src/image/loss-curve.ts'

const lines = (svg: string) =>
  [...svg.matchAll(/points="([^"]+)"/g)].map(([, points]) =>
    points!.split(' ').map((point) => point.split(',').map(Number)),
  )
/** Dots of the letters: [x, y] of each. */
const dots = (svg: string) => [...svg.matchAll(/M(-?\d+) (-?\d+)h2v2h-2z/g)].map(([, x, y]) => [Number(x), Number(y)])

test('the curve goes from left to right, high losses above low ones, inside the picture', () => {
  const [raw, mean] = lines(lossCurve([4, 3, 2, 1]))
  assert.deepEqual(
    raw!.map(([x]) => x),
    raw!.map(([x]) => x).toSorted((one, other) => one! - other!),
  )
  assert.deepEqual(
    raw!.map(([, y]) => y),
    raw!.map(([, y]) => y).toSorted((one, other) => one! - other!),
  )
  assert.equal(mean!.length, 4)
  assert.ok(mean![0]![1]! > raw![0]![1]!, 'the mean is calmer')
  for (const [x, y] of [...raw!, ...mean!]) assert.ok(x! >= 0 && x! <= 480 && y! >= 0 && y! <= 240)
})

test('curves of any kind are drawn, with labels inside the picture', () => {
  const random = Array.from({ length: 1000 }, (_, step) => Math.abs(Math.sin(step * 12.9898)))
  for (const losses of [[1, 1], [0, 0, 0], [1.23e-17, 2e-7], [1.2345e9, 1234], [0.001234, 3], random]) {
    const svg = lossCurve(losses, 100_000)
    assert.doesNotMatch(svg, /NaN|Infinity|undefined/)
    const letters = dots(svg)
    assert.ok(letters.length > 300)
    for (const [x, y] of letters)
      assert.ok(x! >= 0 && x! <= 478 && y! >= 0 && y! <= 238, `${losses.slice(0, 3)}: ${x}, ${y}`)
  }
})

test('it asks for no font', () => {
  assert.doesNotMatch(lossCurve([2, 1]), /<text|font/)
})
