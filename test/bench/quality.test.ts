import assert from 'node:assert/strict'
import { describe as group, test } from 'node:test'
import { describe } from '../../bench/quality/descriptor.ts'
import { FAMILIES } from '../../bench/quality/families.ts'
import { gradeOf } from '../../bench/quality/grades.ts'
import { colourAnalogy, imageAnalogy } from '../../bench/quality/image-analogies.ts'
import { createDrawing, type Task } from '../../bench/quality/pictures.ts'
import { type Graded, summaryOf, tableOf } from '../../bench/quality/report.ts'
import { scenesOf } from '../../bench/quality/scenes.ts'
import { areaUnderCurve, interval, logistic, mean, spearman } from '../../bench/quality/statistics.ts'
import { cosine, meanSquare } from '../../src/tensor/math.ts'
import { createRandom } from '../../src/tensor/random.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'

group('the lists', () => {
  test('have every family, are the same every time, and nothing in common', () => {
    const [tuning, final] = [scenesOf('tuning', 2, 3), scenesOf('final', 2, 3)]
    assert.equal(FAMILIES.length, 17)
    assert.equal(tuning.length, 34)
    assert.deepEqual(scenesOf('tuning', 2, 3), tuning)
    const keys = (list: typeof tuning) => new Set(list.map(({ a, a2, bs }) => JSON.stringify([a, a2, bs[0]!.b])))
    assert.equal(keys(tuning).intersection(keys(final)).size, 0)
  })

  test('a third of the Bs is held out from training, and a third of the meaning has no words', () => {
    const bs = scenesOf('final', 4, 4).flatMap(({ bs }) => bs.map(({ b }) => b))
    const heldOut = bs.filter(({ style }) => style === 'rounded')
    assert.ok(heldOut.length > 10)
    assert.ok(FAMILIES.filter(({ isUnnamed }) => isUnnamed).length >= 3)
  })

  test('A and A′ differ, and so do B and the truth; no distractor is the truth', async () => {
    const draw = createDrawing(32)
    for (const scenes of scenesOf('tuning', 1, 1)) {
      const { name, a, a2, targets } = await draw(scenes)
      assert.ok(meanSquare(a, a2) > 1e-3, name)
      const [{ b, truth, distractors }] = targets as [Task['targets'][number]]
      assert.ok(meanSquare(b, truth) > 1e-3, name)
      assert.ok(distractors.length >= 15, `${name}: ${distractors.length}`)
    }
  })
})

group('a grade', () => {
  test('is right for the truth, and wrong for B, for A′ and for another change', async () => {
    const task = await createDrawing(32)(scenesOf('tuning', 1, 1)[0]!)
    const [target] = task.targets as [Task['targets'][number]]
    const truth = await gradeOf(target.truth, target, task)
    assert.deepEqual([truth.right, truth.rightBySight, truth.error], [true, true, 0])
    for (const wrong of [target.b, task.a2, target.distractors.at(-1)!]) {
      const grade = await gradeOf(wrong, target, task)
      assert.deepEqual([grade.right, grade.rightBySight], [false, false])
    }
  })

  test('by sight does not mind other pixels of the same look', () => {
    const lines = (from: number) => picture((x) => ((x + from) % 4 < 2 ? 1 : -1))
    assert.ok(cosine(describe(lines(0)), describe(lines(1))) > 0.9)
    assert.ok(cosine(describe(lines(0)), describe(picture((_, y) => (y % 4 < 2 ? 1 : -1)))) < 0.8)
  })
})

const SIDE = 32
function picture(value: (x: number, y: number, channel: number) => number): Tensor {
  const made = tensor([3, SIDE, SIDE])
  for (const at of made.data.keys()) {
    const pixel = at % (SIDE * SIDE)
    made.data[at] = value(pixel % SIDE, Math.floor(pixel / SIDE), Math.floor(at / SIDE / SIDE))
  }
  return made
}

group('Image Analogies', () => {
  const a = picture((x, y, channel) => Math.sin(x * (channel + 1)) * 0.4 + y / 100)
  const darker = tensor(
    a.dims,
    a.data.map((value) => value - 0.3),
  )

  test('on A itself give A′', () => {
    for (const reading of ['copy', 'difference'] as const)
      assert.ok(meanSquare(imageAnalogy(a, darker, a, reading), darker) < 1e-4)
  })

  test('find a rule of colours that holds for B', () => {
    const b = picture((x, y, channel) => Math.cos(x * y * (channel + 1)) * 0.4)
    const truth = tensor(
      b.dims,
      b.data.map((value) => value - 0.3),
    )
    assert.ok(meanSquare(colourAnalogy(a, darker, b), truth) < 2e-3)
  })
})

group('statistics', () => {
  test('an interval holds the mean, and is narrower for more', () => {
    const random = createRandom(1)
    const few = [...random.normal([20]).data]
    const many = [...random.normal([500]).data]
    const [low, high] = interval(few, mean)
    assert.ok(low < mean(few) && mean(few) < high)
    const [from, to] = interval(many, mean)
    assert.ok(to - from < (high - low) / 2)
  })

  test('the area under the curve is ½ for chance, 1 for a perfect score', () => {
    const items = [0, 1, 2, 3].map((score) => ({ score, isRight: score > 1 }))
    assert.equal(areaUnderCurve(items), 1)
    assert.equal(areaUnderCurve(items.map(({ isRight }) => ({ score: 0, isRight }))), 0.5)
  })

  test('ranks correlate whatever the scale', () => {
    assert.equal(spearman([1, 2, 3], [1, 10, 1000]), 1)
    assert.equal(spearman([1, 2, 3], [3, 2, 1]), -1)
  })

  test('a logistic regression finds which number tells', () => {
    const random = createRandom(2)
    const inputs = Array.from({ length: 300 }, () => [random.uniform(), random.uniform()])
    const [bias, first, second] = logistic(
      inputs,
      inputs.map(([one]) => one! > 0.5),
    ) as [number, number, number]
    assert.ok(first > 3 && Math.abs(second) < first / 4 && bias < 0, `${[bias, first, second]}`)
  })
})

test('families count alike in the table', () => {
  const base = { row: 'row', kind: 'exact' as const, isUnnamed: false, seconds: 1, evaluations: 10, rightBySight: true }
  const one = (family: string, task: string, right: boolean): Graded => ({
    ...base,
    family,
    task,
    right,
    target: 0,
    error: right ? 0 : 1,
    directionBySight: 0,
  })
  const results = [one('a', 'a 1', true), one('a', 'a 2', true), one('a', 'a 3', true), one('b', 'b 1', false)]
  const { rows } = summaryOf(results)
  assert.equal(rows[0]!.right.value, 0.5)
  assert.match(tableOf(summaryOf(results)), /\| row \| 4 \| 50 % \[/)
})
