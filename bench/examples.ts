/**
 * Runs the ten example triples through the command line, one process each, and writes examples/N/b2.png and the contact
 * sheet examples/sheet.png (A, A′, B, B′, and the true B′). Prints a table: `npx node bench/examples.ts [NAME…]`
 */
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { EXAMPLE_HEAD, exampleRow, exampleSheet } from './example-row.ts'

const folder = join(import.meta.dirname, '../examples')
const names = (await readdir(folder, { withFileTypes: true }))
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .sort()
const wanted = process.argv.slice(2)

console.log(EXAMPLE_HEAD)
for (const name of names.filter((each) => wanted.length === 0 || wanted.includes(each))) {
  console.log(await exampleRow(join(folder, name), name))
}
await writeFile(join(folder, 'sheet.png'), await exampleSheet(names.map((name) => join(folder, name))))
