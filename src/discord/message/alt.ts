import type { DifferenceFacts } from '../../jobs/protocol.ts'
import { type Sentence, sentence, type Value } from '../../sentence.ts'

// What pictures show, for people who can't see them. Captions are in the model's own words.

type Captioned = Pick<DifferenceFacts, 'caption' | 'isDrawn'>

const before = ({ caption, isDrawn }: Captioned): Value =>
  isDrawn ? sentence('a drawn face') : (caption?.a ?? sentence('the example before'))

const after = ({ caption, isDrawn }: Captioned): Value =>
  isDrawn ? sentence('the face with the difference applied') : (caption?.a2 ?? sentence('the example after'))

export const beforeAlt = (facts: Captioned): Sentence => sentence('A: {what}', { what: before(facts) })

export const afterAlt = (facts: Captioned): Sentence => sentence('A′: {what}', { what: after(facts) })

/** Of both side by side. */
export const pairAlt = (facts: Captioned): Sentence =>
  sentence('A: {before}. A′: {after}', { before: before(facts), after: after(facts) })
