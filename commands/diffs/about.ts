import { TimestampStyles, time } from 'discord.js'
import type { Say } from '../../src/discord/language/say.ts'
import { code } from '../../src/discord/message/code.ts'
import { round } from '../../src/discord/message/result.ts'
import { verdictText } from '../../src/discord/message/verdict.ts'
import type { DifferenceFacts } from '../../src/jobs/protocol.ts'
import { type Sentence, sentence } from '../../src/sentence.ts'
import type { SavedDifference } from '../../src/store/differences.ts'

export const whenAndWho = ({ person, at }: Pick<SavedDifference, 'person' | 'at'>): Sentence =>
  sentence('by {person} {when}', {
    person: `<@${person}>`,
    when: time(Math.floor(at / 1000), TimestampStyles.RelativeTime),
  })

/** Said instead of showing its pictures. */
export const onlyForAdults = sentence(
  'Learned in an age-restricted channel: its pictures are shown in such channels only.',
)

/** Said where there is no picture of a pair to show. */
export const pictureless = sentence('Without pictures: it was imported, or copied without them.')

/** Said where the picture is none of what was learned. */
export const drawn = sentence('The file brought no pictures along: shown on a drawn face.')

/** Such as "model emoji · mode fast · seed 7". */
export function detailsOf(
  say: Say,
  { model, mode, seed, steps, pairs, verdict, strength, version }: DifferenceFacts,
): string {
  return [
    say('model {model}', { model: code(model, 40) }),
    say('mode {mode}', { mode }),
    say('seed {seed}', { seed }),
    steps !== undefined && say('{steps, plural, =1 {one step} other {# steps}}', { steps }),
    pairs !== undefined && say('{pairs, plural, =1 {one pair} other {# pairs}}', { pairs }),
    verdictText(say, verdict),
    strength !== undefined && say('strength {strength}', { strength: round(strength) }),
    version !== undefined && `isto ${code(version, 20)}`,
  ]
    .filter(Boolean)
    .join(' · ')
}
