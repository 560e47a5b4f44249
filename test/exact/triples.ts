import { readFileSync } from 'node:fs'
import sharp, { type Sharp } from 'sharp'
import { type Background, icon, on, png } from './icons.ts'

export interface Triple {
  readonly name: string
  readonly a: Buffer
  readonly a2: Buffer
  readonly b: Buffer
  /** The true B′. */
  readonly truth: Buffer
}

type Change = (picture: Buffer) => Promise<Buffer>
/** Draws the icon before and after. */
type Draw = (id: string) => Promise<readonly [Buffer, Buffer]>

const things: readonly (readonly [string, string])[] = [
  ['twemoji:rocket', 'noto:dog-face'],
  ['noto:pizza', 'fluent-emoji-flat:parrot'],
  ['openmoji:bicycle', 'twemoji:frog'],
  ['emojione:rocket', 'fluent-emoji:cat-face'],
  ['fluent-emoji:parrot', 'emojione:dog-face'],
  ['fluent-emoji-flat:rocket', 'openmoji:pizza'],
  ['noto:bicycle', 'twemoji:red-heart'],
]
const photographs: readonly (readonly [string, string])[] = [
  ['chelsea', 'astronaut'],
  ['coffee', 'rocket'],
  ['astronaut', 'chelsea'],
  ['rocket', 'coffee'],
]

const SIDE = 256

const photograph = (name: string) => readFileSync(`test/fixtures/photographs/${name}.jpg`)
const jpeg = (quality: number) => (picture: Buffer) =>
  sharp(picture).flatten({ background: 'white' }).jpeg({ quality }).toBuffer()
const sharply =
  (change: (picture: Sharp) => Sharp): Change =>
  async (picture) =>
    png(change(sharp(picture)))
const opaquely =
  (change: (picture: Sharp) => Sharp): Change =>
  async (picture) =>
    png(change(sharp(await sharp(picture).flatten({ background: 'white' }).png().toBuffer())))

const grey = opaquely((picture) => picture.greyscale().toColourspace('srgb'))
const negative = opaquely((picture) => picture.negate())
const sepia = opaquely((picture) =>
  picture.recomb([
    [0.393, 0.769, 0.189],
    [0.349, 0.686, 0.168],
    [0.272, 0.534, 0.131],
  ]),
)
const mirrored = sharply((picture) => picture.flop())
const upsideDown = sharply((picture) => picture.flip())
const quarter = sharply((picture) => picture.rotate(90))
const half = sharply((picture) => picture.rotate(180))
const soft = opaquely((picture) => picture.blur(6))
const brighter = opaquely((picture) => picture.linear(0.7, 60))
const pixelated =
  (across: number): Change =>
  async (picture) => {
    const { width, height } = await sharp(picture).metadata()
    const scale = across / Math.max(width, height)
    const small = await sharp(picture)
      .flatten({ background: 'white' })
      .resize(Math.round(width * scale), Math.round(height * scale), { kernel: 'linear', fit: 'fill' })
      .png()
      .toBuffer()
    return png(sharp(small).resize(width, height, { kernel: 'nearest', fit: 'fill' }))
  }
const frame =
  (part: number, colour: string): Change =>
  async (picture) => {
    const { width: across, height: down } = await sharp(picture).metadata()
    const width = Math.round(part * Math.min(across, down))
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${across}" height="${down}"><rect x="${width / 2}" y="${width / 2}" width="${across - width}" height="${down - width}" fill="none" stroke="${colour}" stroke-width="${width}"/></svg>`
    return png(
      sharp(picture)
        .flatten({ background: 'white' })
        .composite([{ input: Buffer.from(svg) }]),
    )
  }
const letterboxed: Change = async (picture) => {
  const { width, height } = await sharp(picture).metadata()
  const bar = Math.round(0.12 * Math.min(width, height))
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="${width}" height="${bar}"/><rect y="${height - bar}" width="${width}" height="${bar}"/></svg>`
  return png(sharp(picture).composite([{ input: Buffer.from(svg) }]))
}
const round: Change = async (picture) => {
  const { width, height } = await sharp(picture).metadata()
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><circle cx="${width / 2}" cy="${height / 2}" r="${Math.min(width, height) / 2}"/></svg>`
  const cut = await png(
    sharp(picture)
      .ensureAlpha()
      .composite([{ input: Buffer.from(svg), blend: 'dest-in' }]),
  )
  return png(sharp(cut).flatten({ background: 'black' }))
}
const vignette: Change = async (picture) => {
  const { data, info } = await sharp(picture).removeAlpha().raw().toBuffer({ resolveWithObject: true })
  const { width, height } = info
  for (let at = 0; at < data.length; at++) {
    const place = Math.floor(at / 3)
    const [x, y] = [((place % width) + 0.5) / (width / 2) - 1, (Math.floor(place / width) + 0.5) / (height / 2) - 1]
    data[at] = data[at]! * (1 - 0.7 * ((x * x + y * y) / 2))
  }
  return png(sharp(data, { raw: { width, height, channels: 3 } }))
}
/** Somebody's filter: an S-shaped curve of another steepness in every channel. */
const curved: Change = async (picture) => {
  const { data, info } = await sharp(picture).removeAlpha().raw().toBuffer({ resolveWithObject: true })
  for (let at = 0; at < data.length; at++) {
    const steep = [7, 5, 3][at % 3]!
    const low = 1 / (1 + Math.exp(steep / 2))
    data[at] =
      255 * ((1 / (1 + Math.exp(-steep * (data[at]! / 255 - 0.5))) - low) / (1 - 2 * low)) * [1, 0.95, 0.8][at % 3]!
  }
  return png(sharp(data, { raw: { width: info.width, height: info.height, channels: 3 } }))
}
const warm = opaquely((picture) =>
  picture.recomb([
    [1.2, 0.1, 0],
    [0.05, 0.9, 0.05],
    [0, 0.1, 0.6],
  ]),
)
const cropped: Change = async (picture) => {
  const { width, height } = await sharp(picture).metadata()
  const [left, top] = [Math.round(0.1 * width), Math.round(0.2 * height)]
  return png(sharp(picture).extract({ left, top, width: Math.round(0.6 * width), height: Math.round(0.6 * height) }))
}
const trimmed: Change = async (picture) => {
  const { width, height } = await sharp(picture).metadata()
  return png(sharp(picture).extract({ left: 3, top: 2, width: width - 7, height: height - 5 }))
}

/** The same drawn at another size, place or angle, or on another ground. */
const placed =
  (
    size: number,
    at: readonly [number, number] = [0, 0],
    background: Background = 'white',
    from: Background = 'white',
  ): Draw =>
  async (id) => {
    const small = await icon(id, size, size, 'clear')
    const [left, top] = [(SIDE - size) / 2 + at[0], (SIDE - size) / 2 + at[1]].map(Math.round) as [number, number]
    return [await icon(id, 180, SIDE, from), await on(background, SIDE, [{ input: small, left, top }])]
  }
const tilted: Draw = async (id) => {
  const large = await sharp(await icon(id, 4 * 180, 4 * SIDE, 'white'))
    .rotate(30, { background: 'white' })
    .png()
    .toBuffer()
  const { width } = await sharp(large).metadata()
  const edge = Math.floor((width - 4 * SIDE) / 2)
  const whole = await png(sharp(large).extract({ left: edge, top: edge, width: 4 * SIDE, height: 4 * SIDE }))
  return [await icon(id, 180, SIDE), await png(sharp(whole).resize(SIDE, SIDE))]
}
const changed =
  (change: Change, background: Background = 'white'): Draw =>
  async (id) => {
    const before = await icon(id, 180, SIDE, background)
    return [before, await change(before)]
  }

const drawn: Readonly<Record<string, Draw>> = {
  smaller: placed(96),
  larger: placed(236),
  'to the left': placed(150, [-40, 0]),
  'to a corner, smaller': placed(100, [70, 60]),
  mirrored: changed(mirrored),
  'upside down': changed(upsideDown),
  'turned by a quarter': changed(quarter),
  'turned by 30°': tilted,
  grey: changed(grey),
  'grey on a coloured ground': changed(grey, '#58a6d8'),
  negative: changed(negative),
  sepia: changed(sepia),
  blurred: changed(soft),
  'in 16 squares': changed(pixelated(16)),
  'in a frame': changed(frame(0.08, '#8a3b12')),
  'on blue': placed(180, [0, 0], '#3a6fd8'),
  'on teal, smaller': placed(110, [0, 0], '#209080'),
  'transparent, smaller': placed(100, [0, 0], 'clear', 'clear'),
  'mirrored, a JPEG': async (id) => {
    const before = await icon(id, 180, SIDE)
    return [await jpeg(60)(before), await jpeg(45)(await mirrored(before))]
  },
}

const filtered: Readonly<Record<string, Change>> = {
  grey,
  negative,
  sepia,
  mirrored,
  quarter,
  half,
  soft,
  brighter,
  'in 24 squares': pixelated(24),
  'in a frame': frame(0.06, '#202020'),
  letterboxed,
  round,
  vignette,
  curved,
  warm,
  cropped,
  trimmed,
}

/** Differences that need no network, with the true B′; each kind on `each` pairs of things. */
export async function exactTriples(each = 2): Promise<Triple[]> {
  const triples: Triple[] = []
  let turn = 0
  for (const [kind, draw] of Object.entries(drawn)) {
    for (let n = 0; n < each; n++) {
      const [one, other] = things[turn++ % things.length]!
      const [[a, a2], [b, truth]] = [await draw(one), await draw(other)]
      triples.push({ name: `${kind}: ${one}, ${other}`, a, a2, b, truth })
    }
  }
  for (const [kind, change] of Object.entries(filtered)) {
    for (let n = 0; n < each; n++) {
      const [one, other] = photographs[turn++ % photographs.length]!.map(photograph) as [Buffer, Buffer]
      const a2 = await jpeg(n % 2 ? 60 : 90)(await change(one))
      triples.push({
        name: `${kind}: photograph ${turn % photographs.length}`,
        a: one,
        a2,
        b: other,
        truth: await change(other),
      })
    }
  }
  return triples
}
