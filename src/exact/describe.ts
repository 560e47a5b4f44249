import { isSame } from './colour.ts'
import type { ExactDifference } from './difference.ts'
import type { Rgb } from './raster.ts'

/** A description such as “A′ is A at 53 % of its size, on another background”. */
export function describeExact({ warp, colours, background, filter, vignette, frame }: ExactDifference): string {
  const facts = [
    ...warpFacts(warp),
    !isSame(colours) && coloursIn(colours),
    typeof background === 'object' && `on a background of ${hex(background.to)}`,
    filter && { blur: 'blurred', sharpen: 'sharpened', pixels: `in ${squares(filter)} squares across` }[filter.kind],
    vignette && (vignette > 0 ? 'with darker corners' : 'with lighter corners'),
    frame && (frame.isDisc ? 'cut to a disc' : `in a frame of ${hex(frame.colour)}`),
  ].filter((fact) => typeof fact === 'string')
  return `A′ is A ${facts.length > 0 ? facts.join(', ') : 'itself'}`
}

function warpFacts({ mirrored, turn, scale, shift, canvas }: ExactDifference['warp']): string[] {
  const angle = Math.round((((turn % 360) + 540) % 360) - 180)
  const [right, down] = shift.map((value) => Math.round(value * 100)) as [number, number]
  const isCrop = canvas.some((side) => Math.abs(side - 1) > 0.01)
  const percent = Math.round(scale * 100)
  return [
    mirrored && 'mirrored',
    angle !== 0 && `turned by ${Math.abs(angle)}° ${angle > 0 ? 'to the right' : 'to the left'}`,
    percent !== 100 && `at ${percent} % of its size`,
    right !== 0 && `moved ${Math.abs(right)} % to the ${right > 0 ? 'right' : 'left'}`,
    down !== 0 && `moved ${Math.abs(down)} % ${down > 0 ? 'down' : 'up'}`,
    isCrop && 'in another format',
  ].filter((fact) => fact !== false)
}

function coloursIn(colours: ExactDifference['colours']): string {
  const names: Readonly<Record<string, string>> = {
    grey: 'in grey',
    negative: 'as a negative',
    sepia: 'in sepia',
    contrast: 'in another light',
    overlay: 'with a colour laid over it',
    hue: 'with its hues turned',
    tint: 'in one tint',
  }
  return (colours.kind === 'matrix' && names[colours.name]) || 'in other colours'
}

const squares = (filter: ExactDifference['filter'] & object) => (filter.kind === 'pixels' ? filter.across : 0)

const hex = (colour: Rgb) =>
  `#${colour
    .map((value) =>
      Math.round(value * 255)
        .toString(16)
        .padStart(2, '0'),
    )
    .join('')}`
