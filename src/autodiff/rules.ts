import { attention } from './attention.ts'
import type { Rule } from './rule.ts'
import { elementwise } from './rules/elementwise.ts'
import { linear } from './rules/linear.ts'
import { movement } from './rules/movement.ts'
import { normalization } from './rules/normalization.ts'
import { reduction } from './rules/reduction.ts'

/** Every operator that has a gradient rule, by name; outside the standard set as `domain.name`. */
export const rules: Readonly<Record<string, Rule>> = {
  ...attention,
  ...elementwise,
  ...linear,
  ...movement,
  ...reduction,
  ...normalization,
}
