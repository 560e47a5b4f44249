import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '../errors.ts'
import type { Report } from '../jobs/protocol.ts'
import { english } from '../sentence.ts'
import { readInput } from './files.ts'
import { type CommandLine, readOptions, run } from './jobs.ts'

/** The options go to the script as they are: it needs the worlds that the shipped model was made in, and computes itself. */
export const benchQuality: CommandLine = async (given, { runScript }) => {
  const list = given.text('list') ?? 'tuning'
  if (list !== 'tuning' && list !== 'final') {
    throw new UserError(`Expected \`--list\` to be \`tuning\` or \`final\`, got \`${list}\`.`)
  }
  given.number('per-family', { from: 1, to: 100, whole: true })
  given.number('targets', { from: 1, to: 20, whole: true })
  const { seed } = readOptions(given)
  const texts = ['per-family', 'targets', 'rows', 'family', 'model', 'out'].flatMap((name) => {
    const value = given.text(name)
    return value === undefined ? [] : [`--${name}`, value]
  })
  const json = given.has('json') ? ['--json'] : []
  return runScript('quality/main.ts', ['--list', list, '--seed', String(seed), ...texts, ...json])
}

/** Each folder in FOLDER holds a triple, `a`, `a2` and `b`, with any ending; `b2.png` is written beside them. */
export const benchPhotos: CommandLine = async (given, surroundings) => {
  const [folder] = given.operands as [string]
  const triples = await triplesIn(folder)
  const options = readOptions(given)
  const reports: (Report & { readonly triple: string; readonly notices: readonly string[] })[] = []
  for (const { name, a, a2, b } of triples) {
    const [before, after, picture] = [await read(a), await read(a2), await read(b)]
    const job = { kind: 'analogy' as const, pairs: [{ a: before, a2: after }], b: picture, options }
    const { image, report, notices } = await run(job, surroundings)
    await writeFile(join(folder, name, 'b2.png'), image!)
    reports.push({ triple: name, ...report, notices: notices.map(english) })
    surroundings.tell(`${name}: ${report.verdict ?? 'done'}`)
  }
  await writeFile(join(folder, 'report.json'), `${JSON.stringify(reports, null, 2)}\n`)
  return given.has('json') ? JSON.stringify(reports) : photosTable(reports)
}

const read = (path: string) => readInput(path, 'FOLDER', 'picture')

/** @throws UserError where there is none. */
async function triplesIn(folder: string) {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  const triples: { name: string; a: string; a2: string; b: string }[] = []
  for (const entry of entries.filter((each) => each.isDirectory()).sort((x, y) => (x.name < y.name ? -1 : 1))) {
    const files = await readdir(join(folder, entry.name))
    const find = (stem: string) => files.find((file) => file.replace(/\.\w+$/, '') === stem)
    const [a, a2, b] = ['a', 'a2', 'b'].map(find)
    const at = (file: string) => join(folder, entry.name, file)
    if (a && a2 && b) triples.push({ name: entry.name, a: at(a), a2: at(a2), b: at(b) })
  }
  if (triples.length === 0) {
    throw new UserError(
      `There is no triple in ${folder}: each is a folder in it with the pictures \`a\`, \`a2\` and \`b\`.`,
    )
  }
  return triples
}

function photosTable(reports: readonly (Report & { readonly triple: string })[]): string {
  const lines = reports.map(({ triple, verdict, name, strength, preserve, seconds, evaluations, peakRssBytes }) => {
    const memory = `${Math.round(peakRssBytes / 2 ** 20)} MB`
    return `| ${[triple, verdict, name, strength, preserve, seconds.total?.toFixed(1), evaluations, memory].join(' | ')} |`
  })
  return [
    '| triple | learned | name | strength | preserve | seconds | evaluations | memory |',
    '|---|---|---|---|---|---|---|---|',
    ...lines,
  ].join('\n')
}
