import { usage } from './arguments.ts'
import type { Option } from './specification.ts'
import { commands } from './specification.ts'

const RUN = 'npm run --silent isto --'

/** @param name A command. @default an overview of all of them */
export function helpText(name?: string): string {
  return name === undefined ? overview() : explain(name)
}

function overview(): string {
  const rows = Object.entries(commands).map(([name, { summary, operands = [] }]) => [
    [name, ...operands].join(' '),
    summary,
  ])
  return [
    'isto: A is to A2 as B is to B2.',
    '',
    'Show it a picture before and after a change, and it makes the same change to another picture.',
    '',
    `  ${RUN} COMMAND [options]`,
    '',
    ...columns(rows),
    '',
    'Every command explains itself with --help. Try:',
    '',
    `  ${RUN} ${commands.analogy!.examples[0]}`,
  ].join('\n')
}

function explain(name: string): string {
  const { summary, operands = [], options, examples } = commands[name]!
  const required = Object.entries(options).filter(([, option]) => option.required)
  const signature = [...operands, ...required.map(([option, { takes }]) => usage(option, takes)), '[options]']
  return [
    `${summary}.`,
    '',
    `  ${RUN} ${name} ${signature.join(' ')}`,
    '',
    ...columns(Object.entries(options).map(([option, described]) => optionRow(option, described))),
    '',
    examples.length > 1 ? 'Examples:' : 'Example:',
    '',
    ...examples.map((example) => `  ${RUN} ${example}`),
  ].join('\n')
}

const optionRow = (name: string, { takes, help }: Option) => [usage(name, takes), help]

function columns(rows: readonly (readonly string[])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left!.length))
  return rows.map(([left, right]) => `  ${left!.padEnd(width)}  ${right}`)
}
