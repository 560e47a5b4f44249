import { TimestampStyles, time } from 'discord.js'
import { code } from '../../src/discord/message/code.ts'
import { round } from '../../src/discord/message/result.ts'
import { verdictText } from '../../src/discord/message/verdict.ts'
import type { DifferenceFacts } from '../../src/jobs/protocol.ts'
import type { SavedDifference } from '../../src/store/differences.ts'

export const whenAndWho = ({ person, at }: Pick<SavedDifference, 'person' | 'at'>): string =>
  `by <@${person}> ${time(Math.floor(at / 1000), TimestampStyles.RelativeTime)}`

/** Said instead of showing its pictures. */
export const onlyForAdults = '-# Learned in an age-restricted channel: its pictures are shown in such channels only.'

/** Said where there is no picture of a pair to show. */
export const pictureless = '-# Imported: the file brought no pictures along.'

/** What the picture of a pair shows. */
export const pairAlt = ({ caption = {} }: DifferenceFacts): string =>
  `A: ${caption.a ?? 'the example before'}. A′: ${caption.a2 ?? 'the example after'}`

/** Such as "model emoji · mode fast · seed 7". */
export function detailsOf({ model, mode, seed, steps, pairs, verdict, strength, version }: DifferenceFacts): string {
  return [
    `model ${code(model, 40)}`,
    `mode ${mode}`,
    `seed ${seed}`,
    steps !== undefined && `${steps} steps`,
    pairs !== undefined && (pairs === 1 ? 'one pair' : `${pairs} pairs`),
    verdictText(verdict),
    strength !== undefined && `strength ${round(strength)}`,
    version !== undefined && `isto ${code(version, 20)}`,
  ]
    .filter(Boolean)
    .join(' · ')
}
