/**
 * Runs the ten example triples through the command line, one process each, and writes examples/N/b2.png and the contact
 * sheet examples/sheet.png (A, A′, B, B′, and the true B′). Prints a table: `npx node bench/examples.ts [NAME…]`
 */
import { execFile } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { decodeImage } from '../src/image/decode.ts'
import { contactSheet } from '../src/image/encode.ts'
import { meanSquare } from '../src/tensor/math.ts'

const root = join(import.meta.dirname, '..')
const folder = join(root, 'examples')
const run = promisify(execFile)
const names = (await readdir(folder, { withFileTypes: true }))
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .sort()
const wanted = process.argv.slice(2)

console.log(
  '| example | seconds | evaluations | what it found | strength | preserve | learned | error of B′ | error of B unchanged |\n|---|---|---|---|---|---|---|---|---|',
)
for (const name of names.filter((each) => wanted.length === 0 || wanted.includes(each))) {
  const file = (each: string) => join(folder, name, `${each}.png`)
  const options = ['--a', file('a'), '--a2', file('a2'), '--b', file('b'), '--out', file('b2'), '--json']
  const start = performance.now()
  const { stdout } = await run(process.execPath, [join(root, 'src', 'cli.ts'), 'analogy', ...options])
  const seconds = (performance.now() - start) / 1000
  const { exact, strength, preserve = '', verdict = '', name: said = '', evaluations = 0 } = JSON.parse(stdout)
  const pixels = async (each: string) =>
    (await decodeImage(await readFile(file(each)), { name: each, width: 64, height: 64 })).pixels
  const truth = await pixels('truth')
  const error = async (each: string) => Math.sqrt(meanSquare(await pixels(each), truth)).toFixed(3)
  console.log(
    `| ${name} | ${seconds.toFixed(1)} | ${evaluations} | ${exact ?? said} | ${strength} | ${preserve} | ${verdict} | ${await error('b2')} | ${await error('b')} |`,
  )
}
const rows = names.map((name) =>
  Promise.all(['a', 'a2', 'b', 'b2', 'truth'].map((each) => readFile(join(folder, name, `${each}.png`)))),
)
await writeFile(join(folder, 'sheet.png'), await contactSheet(await Promise.all(rows), { cell: 96 }))
