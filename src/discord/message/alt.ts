import type { DifferenceFacts } from '../../jobs/protocol.ts'
import { type Sentence, sentence, type Value } from '../../sentence.ts'

// What pictures show, for people who can't see them. Captions are in the model's own words.

type Captioned = Pick<DifferenceFacts, 'caption'>

const before = ({ caption }: Captioned): Value => caption?.a ?? sentence('the example before')

const after = ({ caption }: Captioned): Value => caption?.a2 ?? sentence('the example after')

export const beforeAlt = (facts: Captioned): Sentence => sentence('A: {what}', { what: before(facts) })

export const afterAlt = (facts: Captioned): Sentence => sentence('A′: {what}', { what: after(facts) })

/** Of both side by side. */
export const pairAlt = (facts: Captioned): Sentence =>
  sentence('A: {before}. A′: {after}', { before: before(facts), after: after(facts) })
