import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { readReference } from '../src/hub/reference.ts'
import { decodeImage } from '../src/image/decode.ts'
import { contactSheet } from '../src/image/encode.ts'
import { readLayout } from '../src/networks/layout.ts'
import { meanSquare } from '../src/tensor/math.ts'

const root = join(import.meta.dirname, '..')
const run = promisify(execFile)
const { side } = await readLayout(readReference('emoji', join(root, 'models')))

export const EXAMPLE_HEAD =
  '| example | seconds | evaluations | what it found | strength | preserve | learned | error of B′ | error of B unchanged |\n|---|---|---|---|---|---|---|---|---|'

/** Runs the triple in a folder through the command line, writes b2.png there, and says how it went: a row of a table. */
export async function exampleRow(folder: string, name: string): Promise<string> {
  const file = (each: string) => join(folder, `${each}.png`)
  const options = ['--a', file('a'), '--a2', file('a2'), '--b', file('b'), '--out', file('b2'), '--json']
  const start = performance.now()
  const { stdout } = await run(process.execPath, [join(root, 'src', 'cli.ts'), 'analogy', ...options])
  const seconds = (performance.now() - start) / 1000
  const { exact, strength, preserve = '', verdict = '', name: said = '', evaluations = 0 } = JSON.parse(stdout)
  const pixels = async (each: string) =>
    (await decodeImage(await readFile(file(each)), { name: each, width: side, height: side })).pixels
  const truth = await pixels('truth')
  const error = async (each: string) => Math.sqrt(meanSquare(await pixels(each), truth)).toFixed(3)
  const cells = [
    name,
    seconds.toFixed(1),
    evaluations,
    exact ?? said,
    strength,
    preserve,
    verdict,
    await error('b2'),
    await error('b'),
  ]
  return `| ${cells.join(' | ')} |`
}

/** A, A′, B, B′ and the true B′ of each folder, one under the other: PNG bytes. */
export async function exampleSheet(folders: readonly string[]): Promise<Uint8Array> {
  const rows = folders.map((folder) =>
    Promise.all(['a', 'a2', 'b', 'b2', 'truth'].map((each) => readFile(join(folder, `${each}.png`)))),
  )
  return contactSheet(await Promise.all(rows), { cell: 96 })
}
