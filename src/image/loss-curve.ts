/**
 * The learning curve as an SVG of 480 × 240 px: every loss as a thin line, their moving mean as a thick one.
 *
 * Its letters are drawn as shapes, because a container may have no fonts.
 *
 * @param losses At least two numbers ≥ 0, evenly spaced over the steps.
 * @param steps How many steps they span. @default one each
 */
export function lossCurve(losses: readonly number[], steps = losses.length): string {
  const [low, high] = spread(losses)
  const x = (index: number) => LEFT + (index / (losses.length - 1)) * (RIGHT - LEFT)
  const y = (loss: number) => BOTTOM - ((loss - low) / (high - low)) * (BOTTOM - TOP)
  const line = (values: readonly number[], look: string) => {
    const points = values.map((value, index) => `${x(index).toFixed(1)},${y(value).toFixed(1)}`).join(' ')
    return `<polyline points="${points}" fill="none" stroke-linejoin="round" ${look}/>`
  }
  const rows = [high, (low + high) / 2, low].map((loss) => ({ loss, at: Math.round(y(loss)) }))
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}">`,
    '<rect width="100%" height="100%" fill="#ffffff"/>',
    ...rows.map(({ at }) => `<path d="M${LEFT} ${at}.5H${RIGHT}" stroke="#e3e5e8"/>`),
    `<path d="M${LEFT}.5 ${TOP}V${BOTTOM}.5H${RIGHT}" fill="none" stroke="#80848e"/>`,
    line(losses, 'stroke="#b5bdf7" stroke-width="1.5"'),
    line(movingMean(losses), 'stroke="#4752c4" stroke-width="3"'),
    write('denoising loss', LEFT, 10, 'start'),
    ...rows.map(({ loss, at }) => write(short(loss), LEFT - 8, at - 7, 'end')),
    write('1', LEFT, BOTTOM + 10, 'start'),
    write('step', (LEFT + RIGHT) / 2, BOTTOM + 10, 'middle'),
    write(String(steps), RIGHT, BOTTOM + 10, 'end'),
    '</svg>',
  ].join('')
}

const [WIDTH, HEIGHT] = [480, 240]
const [LEFT, RIGHT, TOP, BOTTOM] = [88, 464, 40, 204]

/** Never empty. */
function spread(values: readonly number[]): [low: number, high: number] {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  return high > low ? [low, high] : [0, 2 * high || 1]
}

function movingMean(values: readonly number[]): number[] {
  const reach = Math.max(1, Math.round(values.length / 12))
  return values.map((_, index) => {
    const near = values.slice(Math.max(0, index - reach), index + reach + 1)
    return near.reduce((sum, value) => sum + value, 0) / near.length
  })
}

/** At most 7 characters of a loss, which is never negative. */
function short(value: number): string {
  return value !== 0 && (value < 0.01 || value >= 1000) ? value.toExponential(1).replace('+', '') : value.toPrecision(3)
}

/** Text of 14 px, its upper edge at `y`. */
function write(text: string, x: number, y: number, anchor: 'start' | 'middle' | 'end'): string {
  const width = (text.length * COLUMNS - 1) * DOT
  const left = Math.round(x - { start: 0, middle: width / 2, end: width }[anchor])
  const dots = [...text].flatMap((letter, position) =>
    [...(LETTERS[letter] ?? '')].flatMap((row, down) =>
      [0, 1, 2, 3, 4]
        .filter((across) => (Number.parseInt(row, 32) >> (4 - across)) & 1)
        .map((across) => `M${left + (position * COLUMNS + across) * DOT} ${y + down * DOT}h${DOT}v${DOT}h-${DOT}z`),
    ),
  )
  return `<path d="${dots.join('')}" fill="#4e5058"/>`
}

const DOT = 2
const COLUMNS = 6

/** Five dots by seven: a row is a digit in base 32. */
const LETTERS: Readonly<Record<string, string>> = {
  0: 'ehjlphe',
  1: '4c4444e',
  2: 'eh1248v',
  3: 'v2421he',
  4: '26aiv22',
  5: 'vgu11he',
  6: '68guhhe',
  7: 'v124888',
  8: 'ehhehhe',
  9: 'ehhf12c',
  '.': '00000cc',
  '-': '000v000',
  d: '11djhhf',
  e: '00ehvge',
  g: '0fhhf1e',
  i: '40c444e',
  l: 'c44444e',
  n: '00mphhh',
  o: '00ehhhe',
  p: '00uhugg',
  s: '00ege1u',
  t: '88s8896',
}
