import { COLOUR_NAMES, COLOURS, HUES } from './colours.ts'
import { TRAINED_THINGS } from './icons.ts'
import type { Attribute } from './names.ts'
import { keys } from './uniform.ts'
import {
  ACROSS,
  DOWN,
  FRAME_COLOURS,
  HELD_OUT_STYLE,
  PLAIN,
  type Scene,
  SHADOWS,
  SIZES,
  STYLES,
  TINTS,
  TONES,
  TREATMENTS,
  TURNS,
} from './world.ts'

const plain: Scene = { ...PLAIN, thing: 'dog-face', style: 'flat' }

/** A scene for each value that a word is learned for; of what a caption leaves unsaid, the default comes first. */
export function valuesOf(attribute: Attribute): Scene[] {
  const each = <Value>(values: readonly Value[], change: (value: Value) => Partial<Scene>) =>
    values.map((value) => ({ ...plain, ...change(value) }))
  switch (attribute) {
    case 'thing':
      return each(TRAINED_THINGS, (thing) => ({ thing }))
    case 'style':
      return each(
        keys(STYLES).filter((style) => style !== HELD_OUT_STYLE),
        (style) => ({ style }),
      )
    case 'background':
      return [
        ...each(COLOUR_NAMES, (name) => ({ background: COLOURS[name] })),
        { ...plain, background: [200, 100, 120] },
        { ...plain, fade: { to: COLOURS.black, sideways: true } },
      ]
    case 'size':
      return each(Object.values(SIZES), (size) => ({ size }))
    case 'across':
      return each(defaultFirst(Object.values(ACROSS)), (across) => ({ place: [across, 0] }))
    case 'down':
      return each(defaultFirst(Object.values(DOWN)), (down) => ({ place: [0, down] }))
    case 'turn':
      return each(Object.values(TURNS), (turn) => ({ turn }))
    case 'mirrored':
      return each([false, true], (mirrored) => ({ mirrored }))
    case 'recoloured':
      return each(['own', ...keys(HUES)] as const, (recoloured) => ({ recoloured }))
    case 'treatment':
      return [
        ...each(TREATMENTS.slice(0, -1), (treatment) => ({ treatment })),
        ...each(TINTS, (tint) => ({ treatment: 'tinted', tint })),
      ]
    case 'frame':
      return [
        plain,
        ...[PLAIN.frameWidth, 0.03, 0.1].flatMap((frameWidth) =>
          each(FRAME_COLOURS, (frame) => ({ frame, frameWidth })),
        ),
      ]
    case 'tone':
      return each(TONES, (tone) => ({ tone }))
    case 'shadow':
      return each(SHADOWS, (shadow) => ({ shadow }))
    case 'beside':
      return each(['none', ...TRAINED_THINGS], (beside) => ({ beside }))
  }
}

const defaultFirst = (values: readonly number[]) => [0, ...values.filter((value) => value !== 0)]
