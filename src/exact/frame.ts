import { apart, type Raster, type Rgb, raster } from './raster.ts'

/** What surrounds a picture, whatever it shows. Lengths are fractions of its shorter side. */
export interface Frame {
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
  /** Of the corners inside. */
  readonly radius: number
  /** The inside is a disc in the middle, as large as the sides allow. */
  readonly isDisc?: boolean
  readonly colour: Rgb
}

/** The frame over the picture; at half strength it is half as wide. */
export function framed(picture: Raster, frame: Frame, strength = 1): Raster {
  if (strength <= 0) return picture
  const { width, height } = picture
  const unit = Math.min(width, height) * strength
  const { left, top, right, bottom } = edgesOf(frame, width, height, unit)
  const radius = frame.isDisc ? (right - left) / 2 : frame.radius * unit
  const made = raster(width, height)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      // How far inside the rounded rectangle the pixel's middle lies.
      const across = Math.min(x + 0.5 - left, right - x - 0.5)
      const down = Math.min(y + 0.5 - top, bottom - y - 0.5)
      const isCorner = across < radius && down < radius
      const inside = isCorner ? radius - Math.hypot(radius - across, radius - down) : Math.min(across, down)
      const share = Math.min(1, Math.max(0, inside + 0.5))
      const place = 4 * (y * width + x)
      for (let channel = 0; channel < 3; channel++) {
        made.data[place + channel] = share * picture.data[place + channel]! + (1 - share) * frame.colour[channel]!
      }
      made.data[place + 3] = share * picture.data[place + 3]! + (1 - share)
    }
  }
  return made
}

/** Where the inside begins and ends, in pixels. */
function edgesOf(frame: Frame, width: number, height: number, unit: number) {
  if (!frame.isDisc) {
    return {
      left: frame.left * unit,
      right: width - frame.right * unit,
      top: frame.top * unit,
      bottom: height - frame.bottom * unit,
    }
  }
  const radius = Math.min(width, height) / 2 - Math.min(frame.left, frame.top, frame.right, frame.bottom) * unit
  const [x, y] = [width / 2, height / 2]
  return { left: x - radius, right: x + radius, top: y - radius, bottom: y + radius }
}

/** The picture with its corners darker by `amount` (0…1; lighter where negative), the middle as it is. */
export function vignetted(picture: Raster, amount: number): Raster {
  const made = raster(picture.width, picture.height)
  for (let place = 0; place < made.data.length; place += 4) {
    const light = 1 - amount * fromMiddle(picture, place / 4)
    const alpha = picture.data[place + 3]!
    for (let channel = 0; channel < 3; channel++) {
      made.data[place + channel] = Math.min(alpha, picture.data[place + channel]! * light)
    }
    made.data[place + 3] = alpha
  }
  return made
}

/** The `amount` of a vignette that turns one picture most nearly into the other. */
export function fitVignette(before: Raster, after: Raster): number {
  let [lost, square] = [0, 1e-9]
  for (let place = 0; place < before.data.length; place++) {
    if ((place & 3) === 3) continue
    const light = fromMiddle(before, place >> 2) * before.data[place]!
    lost += light * (before.data[place]! - after.data[place]!)
    square += light ** 2
  }
  return Math.min(1, Math.max(-1, lost / square))
}

/** The squared distance from the middle: 1 in the corners. */
function fromMiddle({ width, height }: Raster, place: number): number {
  const x = ((place % width) + 0.5 - width / 2) / (width / 2)
  const y = (Math.floor(place / width) + 0.5 - height / 2) / (height / 2)
  return (x * x + y * y) / 2
}

/** Colours this near belong to a frame. */
const NEAR = 0.1
const RADII = [0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4]

/** The frames that a picture may have, of the colour in its four corners; none where they differ or it has one colour. */
export function framesOf(picture: Raster): Frame[] {
  const { width, height } = picture
  const corners = [0, width - 1, (height - 1) * width, height * width - 1].map((place) => at(picture, place))
  const colour = corners[0]!
  if (corners.some((corner) => apart(corner, colour) > NEAR)) return []
  const unit = Math.min(width, height)
  const line = (side: 'left' | 'top' | 'right' | 'bottom', from: number): number[] => {
    const isColumn = side === 'left' || side === 'right'
    const place = side === 'right' ? width - 1 - from : side === 'bottom' ? height - 1 - from : from
    return isColumn
      ? Array.from({ length: height }, (_, y) => y * width + place)
      : Array.from({ length: width }, (_, x) => place * width + x)
  }
  const depth = (side: 'left' | 'top' | 'right' | 'bottom') => {
    const most = (side === 'left' || side === 'right' ? width : height) / 2
    for (let from = 0; from < most; from++) {
      const off = line(side, from).map((place) => apart(at(picture, place), colour))
      if (off.filter((value) => value > NEAR).length <= 0.03 * off.length) continue
      const next = line(side, from + 1).map((place) => apart(at(picture, place), colour))
      const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
      return (from + Math.min(1, Math.max(0, 1 - sum(off) / Math.max(1e-6, sum(next))))) / unit
    }
    return Number.NaN
  }
  const sides = { left: depth('left'), top: depth('top'), right: depth('right'), bottom: depth('bottom') }
  if (Object.values(sides).some(Number.isNaN)) return []
  const isNone = Object.values(sides).every((side) => side < 0.25 / unit)
  const rectangles = RADII.filter((radius) => !isNone || radius > 0).map((radius) => ({ ...sides, radius, colour }))
  const isSquare = Math.abs(width - height - (sides.left + sides.right - sides.top - sides.bottom) * unit) < 0.06 * unit
  return isSquare ? [{ ...sides, radius: 0.5, isDisc: true, colour }, ...rectangles] : rectangles
}

function at({ data }: Raster, place: number): Rgb {
  return [data[4 * place]!, data[4 * place + 1]!, data[4 * place + 2]!]
}
