import { parseArgs } from 'node:util'
import { UserError } from '../errors.ts'
import type { Command } from './specification.ts'
import { commands } from './specification.ts'

/** What a person typed after a command. Every reader throws a UserError with one sentence for a bad value. */
export interface Arguments {
  readonly operands: readonly string[]
  readonly has: (option: string) => boolean
  /** The values from each time the option was given. */
  readonly all: (option: string) => readonly (readonly string[])[]
  readonly text: (option: string) => string | undefined
  readonly number: (option: string, range: NumberRange) => number | undefined
}

interface NumberRange {
  readonly from: number
  readonly to: number
  readonly whole?: boolean
}

/** Splits off the command, which is one or two words. @returns its name and the remaining words */
export function readCommand(words: readonly string[]): { readonly name: string; readonly rest: readonly string[] } {
  const [first = '', second = ''] = words
  if (Object.hasOwn(commands, first)) return { name: first, rest: words.slice(1) }
  const both = `${first} ${second}`
  if (Object.hasOwn(commands, both)) return { name: both, rest: words.slice(2) }
  const names = Object.keys(commands)
  const kin = names.filter((name) => name.startsWith(`${first} `))
  const problem = first && kin.length === 0 ? `There is no command \`${first}\`` : 'A command is missing'
  throw new UserError(`${problem}: expected ${list(kin.length > 0 ? kin : names)}; \`--help\` explains them.`)
}

/** @throws UserError for an unknown, repeated or missing option, or for too many or too few values */
export function parseArguments(words: readonly string[], name: string): Arguments {
  const command = commands[name]!
  const given = new Map<string, string[][]>()
  const operands: string[] = []
  const tokens = tokenise(words, command)
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index]!
    if (token.kind === 'positional') operands.push(token.value)
    if (token.kind !== 'option') continue
    const option = Object.hasOwn(command.options, token.name) ? command.options[token.name] : undefined
    if (!option) {
      throw new UserError(`\`${name}\` has no option \`${token.rawName}\`: \`${name} --help\` lists its options.`)
    }
    const takes = option.takes ?? []
    const values = token.value === undefined ? [] : [token.value]
    for (; values.length < takes.length; index++) {
      const next = tokens[index + 1]
      if (next?.kind !== 'positional') break
      values.push(next.value)
    }
    const isSwallowedOption = !token.inlineValue && token.value?.startsWith('--')
    if (values.length !== takes.length || values.includes('') || isSwallowedOption) {
      throw new UserError(`Expected \`--${token.name}\` to be given as \`${usage(token.name, takes)}\`.`)
    }
    if (given.has(token.name) && !option.many) throw new UserError(`\`--${token.name}\` is given twice.`)
    given.set(token.name, [...(given.get(token.name) ?? []), values])
  }
  checkComplete(name, command, given, operands)

  const all = (option: string) => given.get(option) ?? []
  const text = (option: string) => all(option)[0]?.[0]
  return {
    operands,
    has: (option) => given.has(option),
    all,
    text,
    number: (option, range) => {
      const value = text(option)
      return value === undefined ? undefined : parseNumber(value, `\`--${option}\``, range)
    },
  }
}

/** @param what Names the number in the message. */
export function parseNumber(text: string, what: string, { from, to, whole = false }: NumberRange): number {
  const value = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : NaN
  if (value >= from && value <= to && (!whole || Number.isInteger(value))) return value
  throw new UserError(`Expected ${what} to be a ${whole ? 'whole ' : ''}number from ${from} to ${to}, got \`${text}\`.`)
}

export const usage = (name: string, takes: readonly string[] = []) => [`--${name}`, ...takes].join(' ')

function tokenise(words: readonly string[], { options }: Command) {
  const types = Object.entries(options).map(([name, { takes }]) => [
    name,
    { type: takes ? ('string' as const) : ('boolean' as const), ...(name === 'help' && { short: 'h' }) },
  ])
  // Lenient, so that `--strength -1` and the second value of `--pair A A2` are accepted and errors are our own
  // sentences.
  const lenient = { strict: false, tokens: true, allowPositionals: true } as const
  return parseArgs({ args: [...words], options: Object.fromEntries(types), ...lenient }).tokens
}

function checkComplete(
  name: string,
  command: Command,
  given: ReadonlyMap<string, unknown>,
  operands: readonly string[],
) {
  if (given.has('help')) return
  for (const [option, { required, takes }] of Object.entries(command.options)) {
    if (required && !given.has(option)) throw new UserError(`\`${name}\` needs \`${usage(option, takes)}\`.`)
  }
  const { operands: expected = [] } = command
  if (operands.length > expected.length) {
    throw new UserError(
      `\`${operands[expected.length]}\` is one word too many: \`${name} --help\` shows what is expected.`,
    )
  }
  if (operands.length < expected.length) throw new UserError(`\`${name}\` needs \`${expected[operands.length]}\`.`)
}

const list = (names: readonly string[]) =>
  names
    .map((name) => `\`${name}\``)
    .join(', ')
    .replace(/, ([^,]*)$/, ' or $1')
