import type { Kind } from './families.ts'
import type { Grade } from './grades.ts'
import { areaUnderCurve, interval, mean, meanOfGroups } from './statistics.ts'

/** What one row made of one B. */
export interface Graded extends Grade {
  readonly row: string
  readonly task: string
  readonly target: number
  readonly family: string
  readonly kind: Kind
  readonly isUnnamed: boolean
  /** Of the whole task, all its Bs; of rows that share a difference, the first bears its cost. */
  readonly seconds: number
  readonly evaluations: number
  readonly fit?: number
  readonly confidence?: number
  readonly name?: string
  readonly strength?: number
  readonly preserve?: number
  readonly isExact?: boolean
}

interface Figure {
  readonly value: number
  readonly interval: readonly [number, number]
}

export interface RowSummary {
  readonly row: string
  readonly count: number
  readonly right: Figure
  readonly rightBySight: Figure
  readonly rightExact: number
  readonly rightMeaning: number
  readonly rightUnnamed: number
  readonly error: Figure
  readonly outside: number
  readonly direction: number
  readonly directionBySight: number
  /** Of the score that people see, where the row has one. */
  readonly areaUnderCurve?: Figure
  readonly seconds: number
  readonly evaluations: number
  /** Pairs taken for exact, of the exact kinds and of meaning, where the row says so. */
  readonly taken?: { readonly exact: readonly [number, number]; readonly meaning: readonly [number, number] }
}

export interface Summary {
  readonly rows: readonly RowSummary[]
  readonly families: readonly {
    readonly row: string
    readonly family: string
    readonly right: number
    readonly error: number
  }[]
}

/** Families count alike; intervals are over pairs, drawn anew with their Bs. */
export function summaryOf(results: readonly Graded[]): Summary {
  const rows = [...new Set(results.map(({ row }) => row))]
  const families = [...new Set(results.map(({ family }) => family))]
  const of = (row: string) => results.filter((each) => each.row === row)
  return {
    rows: rows.map((row) => rowSummary(row, of(row))),
    families: rows.flatMap((row) =>
      families.map((family) => {
        const own = of(row).filter((each) => each.family === family)
        return {
          row,
          family,
          right: mean(own.map(({ right }) => Number(right))),
          error: mean(own.map(({ error }) => error)),
        }
      }),
    ),
  }
}

function rowSummary(row: string, results: readonly Graded[]): RowSummary {
  const tasks = [...Map.groupBy(results, ({ task }) => task).values()]
  const byFamily = (value: (one: Graded) => number | undefined) => (chosen: readonly (readonly Graded[])[]) => {
    const groups = [...Map.groupBy(chosen.flat(), ({ family }) => family).values()]
    return meanOfGroups(
      groups.map((group) => group.map(value).filter((each) => each !== undefined)).filter((group) => group.length > 0),
    )
  }
  const figure = (statistic: (chosen: readonly (readonly Graded[])[]) => number): Figure => ({
    value: statistic(tasks),
    interval: interval(tasks, statistic),
  })
  const right = byFamily((one) => Number(one.right))
  const only = (wanted: (one: Graded) => boolean) => right(tasks.filter(([first]) => wanted(first!)))
  const scored = results.filter((one) => one.confidence !== undefined)
  const area = (chosen: readonly (readonly Graded[])[]) =>
    areaUnderCurve(chosen.flat().map((one) => ({ score: one.confidence!, isRight: one.right })))
  return {
    row,
    count: results.length,
    right: figure(right),
    rightBySight: figure(byFamily((one) => Number(one.rightBySight))),
    rightExact: only(({ kind }) => kind === 'exact'),
    rightMeaning: only(({ kind }) => kind === 'meaning'),
    rightUnnamed: only(({ isUnnamed }) => isUnnamed),
    error: figure(byFamily((one) => one.error)),
    outside: byFamily((one) => one.outside)(tasks),
    direction: byFamily((one) => one.direction)(tasks),
    directionBySight: byFamily((one) => one.directionBySight)(tasks),
    ...(results.some(({ isExact }) => isExact !== undefined) && {
      taken: { exact: takenOf(tasks, 'exact'), meaning: takenOf(tasks, 'meaning') },
    }),
    ...(scored.length === results.length && { areaUnderCurve: figure(area) }),
    seconds: mean(tasks.map(([first]) => first!.seconds)),
    evaluations: mean(tasks.map(([first]) => first!.evaluations)),
  }
}

function takenOf(tasks: readonly (readonly Graded[])[], kind: Kind): [number, number] {
  const own = tasks.filter(([first]) => first!.kind === kind)
  return [own.filter(([first]) => first!.isExact).length, own.length]
}

export function tableOf({ rows, families }: Summary): string {
  const percent = (value: number) => (Number.isNaN(value) ? '–' : `${Math.round(100 * value)} %`)
  const within = ({ value, interval: [from, to] }: Figure) => `${percent(value)} [${percent(from)}, ${percent(to)}]`
  const number = (value: number) => (Number.isNaN(value) ? '–' : value.toFixed(3))
  const head =
    '| row | n | right | exact kinds | meaning | no word for it | right by sight | error | outside | direction | by sight | AUROC | evaluations |'
  const lines = rows.map((each) => {
    const area = each.areaUnderCurve
    const cells = [
      each.row,
      each.count,
      within(each.right),
      percent(each.rightExact),
      percent(each.rightMeaning),
      percent(each.rightUnnamed),
      percent(each.rightBySight.value),
      number(each.error.value),
      number(each.outside),
      number(each.direction),
      number(each.directionBySight),
      area && !Number.isNaN(area.value)
        ? `${area.value.toFixed(2)} [${area.interval.map((end) => end.toFixed(2)).join(', ')}]`
        : '',
      Math.round(each.evaluations),
    ]
    return `| ${cells.join(' | ')} |`
  })
  const names = [...new Set(families.map(({ family }) => family))]
  const shown = rows.map(({ row }) => row)
  const byFamily = names.map((family) => {
    const cells = shown.map((row) =>
      percent(families.find((each) => each.row === row && each.family === family)!.right),
    )
    return `| ${family} | ${cells.join(' | ')} |`
  })
  const taken = rows.flatMap(({ row, taken }) =>
    taken
      ? [
          `${row}: ${taken.exact.join(' of ')} pairs of exact kinds and ${taken.meaning.join(' of ')} of meaning were taken.`,
          '',
        ]
      : [],
  )
  return [
    head,
    '|'.concat('---|'.repeat(13)),
    ...lines,
    '',
    ...taken,
    `| family | ${shown.join(' | ')} |`,
    '|'.concat('---|'.repeat(shown.length + 1)),
    ...byFamily,
  ].join('\n')
}

/** Accuracy against the error where nothing should change, or against evaluations of the network: SVG. */
export function plotOf({ rows }: Summary, by: 'outside' | 'evaluations'): string {
  const shown = rows.filter((each) => !Number.isNaN(each[by]))
  const [width, height, edge] = [720, 400, 50]
  const most = Math.max(...shown.map((each) => each[by])) * 1.1 || 1
  const x = (value: number) => edge + (value / most) * (width - 4 * edge)
  const y = (value: number) => height - edge - value * (height - 2 * edge)
  let lowest = 0
  const marks = shown
    .sort((one, other) => other.right.value - one.right.value)
    .map(({ row, right, ...each }) => {
      const [at, from, to] = [x(each[by]), y(right.interval[0]), y(right.interval[1])]
      // Labels are in a column of their own, none over another.
      lowest = Math.max(y(right.value) + 4, lowest + 11)
      const [label, line] = [width - 3.6 * edge, `M${at} ${y(right.value)}L${width - 3.7 * edge} ${lowest - 3}`]
      return [
        `<path d="${line}" stroke="#ddd"/><path d="M${at} ${from}V${to}" stroke="#999"/>`,
        `<circle cx="${at}" cy="${y(right.value)}" r="4" fill="#345"/>`,
        `<text x="${label}" y="${lowest}">${row.replace(/&/g, '&amp;')}</text>`,
      ].join('')
    })
  const title = by === 'outside' ? 'error where nothing should change' : 'evaluations of the network for a pair'
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="10">`,
    `<rect width="100%" height="100%" fill="white"/><path d="M${edge} ${edge}V${height - edge}H${width - 4 * edge}" fill="none" stroke="black"/>`,
    `<text x="${edge}" y="${height - 12}">${title} (0…${most.toFixed(2)})</text><text x="8" y="30">right (0…1)</text>`,
    ...marks,
    '</svg>',
  ].join('\n')
}
