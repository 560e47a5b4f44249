import { type Sentence, sentence } from '../sentence.ts'
import { isSame } from './colour.ts'
import type { ExactDifference } from './difference.ts'
import type { Rgb } from './raster.ts'

/** A description such as “A′ is A at 53 % of its size, on another background”. */
export function describeExact({ warp, colours, background, filter, vignette, frame }: ExactDifference): Sentence {
  const facts = [
    ...warpFacts(warp),
    !isSame(colours) && coloursIn(colours),
    typeof background === 'object' && sentence('on a background of {colour}', { colour: hex(background.to) }),
    filter && filterFact(filter),
    vignette && (vignette > 0 ? sentence('with darker corners') : sentence('with lighter corners')),
    frame &&
      (frame.isDisc ? sentence('cut to a disc') : sentence('in a frame of {colour}', { colour: hex(frame.colour) })),
  ].filter((fact) => typeof fact === 'object')
  if (facts.length === 0) return sentence('A′ is A itself')
  const list = facts.reduce((first, next) => sentence('{first}, {next}', { first, next }))
  return sentence('A′ is A {facts}', { facts: list })
}

function warpFacts({ mirrored, turn, scale, shift, canvas }: ExactDifference['warp']): Sentence[] {
  const angle = Math.round((((turn % 360) + 540) % 360) - 180)
  const [right, down] = shift.map((value) => Math.round(value * 100)) as [number, number]
  const isCrop = canvas.some((side) => Math.abs(side - 1) > 0.01)
  const percent = Math.round(scale * 100)
  return [
    mirrored && sentence('mirrored'),
    angle > 0 && sentence('turned by {angle}° to the right', { angle }),
    angle < 0 && sentence('turned by {angle}° to the left', { angle: -angle }),
    percent !== 100 && sentence('at {percent} % of its size', { percent }),
    right > 0 && sentence('moved {percent} % to the right', { percent: right }),
    right < 0 && sentence('moved {percent} % to the left', { percent: -right }),
    down > 0 && sentence('moved {percent} % down', { percent: down }),
    down < 0 && sentence('moved {percent} % up', { percent: -down }),
    isCrop && sentence('in another format'),
  ].filter((fact) => fact !== false)
}

function coloursIn(colours: ExactDifference['colours']): Sentence {
  const names: Readonly<Record<string, Sentence>> = {
    grey: sentence('in grey'),
    negative: sentence('as a negative'),
    sepia: sentence('in sepia'),
    contrast: sentence('in another light'),
    overlay: sentence('with a colour laid over it'),
    hue: sentence('with its hues turned'),
    tint: sentence('in one tint'),
  }
  return (colours.kind === 'matrix' && names[colours.name]) || sentence('in other colours')
}

function filterFact(filter: NonNullable<ExactDifference['filter']>): Sentence {
  if (filter.kind === 'pixels') return sentence('in {across} squares across', { across: filter.across })
  return filter.kind === 'blur' ? sentence('blurred') : sentence('sharpened')
}

const hex = (colour: Rgb) =>
  `#${colour
    .map((value) =>
      Math.round(value * 255)
        .toString(16)
        .padStart(2, '0'),
    )
    .join('')}`
