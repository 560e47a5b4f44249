import { parseArguments, readCommand } from './arguments.ts'
import { benchPhotos, benchQuality } from './bench.ts'
import { helpText } from './help.ts'
import type { CommandLine, Surroundings } from './jobs.ts'
import { analogy, apply, benchStep, learn } from './jobs.ts'
import { modelsCheck, modelsList, modelsPull } from './models.ts'

const COMMANDS: Readonly<Record<string, CommandLine>> = {
  analogy,
  learn,
  apply,
  'models list': modelsList,
  'models pull': modelsPull,
  'models check': modelsCheck,
  'bench step': benchStep,
  'bench quality': benchQuality,
  'bench photos': benchPhotos,
}

/**
 * Runs the command that the words name.
 *
 * @returns What goes to standard output.
 * @throws UserError for words that are no command
 */
export async function runCommandLine(words: readonly string[], surroundings: Surroundings): Promise<string> {
  const [first, second] = words
  if (isHelp(first) || (isHelp(second) && !Object.hasOwn(COMMANDS, first!))) return helpText()
  const { name, rest } = readCommand(words)
  const given = parseArguments(rest, name)
  return given.has('help') ? helpText(name) : COMMANDS[name]!(given, surroundings)
}

const isHelp = (word: string | undefined) => word === 'help' || word === '--help' || word === '-h'
