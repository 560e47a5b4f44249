import type { Rule } from './rule.ts'
import { elementwise } from './rules/elementwise.ts'
import { linear } from './rules/linear.ts'
import { movement } from './rules/movement.ts'
import { normalization } from './rules/normalization.ts'
import { reduction } from './rules/reduction.ts'

/** Every standard operator that has a gradient, by name. */
export const rules: Readonly<Record<string, Rule>> = {
  ...elementwise,
  ...linear,
  ...movement,
  ...reduction,
  ...normalization,
}
