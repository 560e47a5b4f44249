import { createRandom } from '../../src/tensor/random.ts'

export const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** The mean over the groups of each group's mean. */
export const meanOfGroups = (groups: readonly (readonly number[])[]): number => mean(groups.map(mean))

/** Middle 95 % of `statistic` over samples of the items, drawn with replacement. NaN if it has no value there. */
export function interval<Item>(items: readonly Item[], statistic: (items: readonly Item[]) => number, rounds = 1000) {
  const random = createRandom(0)
  const found = Array.from({ length: rounds }, () =>
    statistic(items.map(() => items[random.integer(items.length)]!)),
  ).filter((value) => !Number.isNaN(value))
  found.sort((one, other) => one - other)
  const at = (share: number) => found[Math.min(found.length - 1, Math.floor(share * found.length))] ?? Number.NaN
  return [at(0.025), at(0.975)] as const
}

/** How often a right one has the higher score than a wrong one. */
export function areaUnderCurve(items: readonly { readonly score: number; readonly isRight: boolean }[]): number {
  const [right, wrong] = [items.filter(({ isRight }) => isRight), items.filter(({ isRight }) => !isRight)]
  let above = 0
  for (const one of right)
    for (const other of wrong) above += one.score > other.score ? 1 : one.score === other.score ? 0.5 : 0
  return above / (right.length * wrong.length)
}

/** Rank correlation. */
export function spearman(one: readonly number[], other: readonly number[]): number {
  const [first, second] = [ranks(one), ranks(other)]
  const middle = (one.length - 1) / 2
  let [both, a, b] = [0, 0, 0]
  for (const [index, rank] of first.entries()) {
    const [x, y] = [rank - middle, second[index]! - middle]
    both += x * y
    a += x * x
    b += y * y
  }
  return both / Math.sqrt(a * b)
}

function ranks(values: readonly number[]): number[] {
  const sorted = [...values].sort((a, b) => a - b)
  return values.map((value) => (sorted.indexOf(value) + sorted.lastIndexOf(value)) / 2)
}

/** Logistic regression by Newton's steps with a little shrinkage: [bias, weights…]. */
export function logistic(inputs: readonly (readonly number[])[], labels: readonly boolean[]): number[] {
  let weights = new Array<number>(inputs[0]!.length + 1).fill(0)
  for (let round = 0; round < 500; round++) {
    const slopes = weights.map((weight, index) => (index === 0 ? 0 : 0.1 * weight))
    for (const [index, input] of inputs.entries()) {
      const full = [1, ...input]
      const score = full.reduce((sum, value, at) => sum + value * weights[at]!, 0)
      const error = 1 / (1 + Math.exp(-score)) - Number(labels[index])
      for (const [at, value] of full.entries()) slopes[at]! += error * value
    }
    weights = weights.map((weight, at) => weight - (2 / inputs.length) * slopes[at]!)
  }
  return weights
}
