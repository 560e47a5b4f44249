/** Every command and option: what is parsed and what `--help` prints. */

export interface Option {
  /** The values after the option, as `--help` shows them; absent for a switch. */
  readonly takes?: readonly string[]
  readonly help: string
  /** May be given more than once. */
  readonly many?: boolean
  readonly required?: boolean
}

export interface Command {
  readonly summary: string
  /** The words after the command that have no name. */
  readonly operands?: readonly string[]
  readonly options: Readonly<Record<string, Option>>
  readonly examples: readonly string[]
}

const json: Option = { help: 'print one JSON object on standard output' }
const help: Option = { help: 'show this help' }
const model: Option = { takes: ['NAME'], help: 'a model in models/, or a path to one (default: emoji)' }
const mode: Option = { takes: ['fast|parity'], help: 'fast, or the published method step by step (default: fast)' }
const seed: Option = { takes: ['N'], help: 'the same seed gives the same result (default: 0)' }
const steps: Option = { takes: ['N'], help: 'how long to learn (default: chosen by the mode)' }
const strength: Option = { takes: ['N'], help: '0 changes nothing, negative undoes (default: chosen on the example)' }
const preserve: Option = { takes: ['0…1'], help: 'how much of the layout is kept (default: chosen on the example)' }
const learned: Option = {
  help: 'use the model even if the difference can be done exactly, with the picture’s own pixels',
}
const pair: Option = { takes: ['A', 'A2'], many: true, help: 'an example: before and after; more may be given' }

export const commands: Readonly<Record<string, Command>> = {
  analogy: {
    summary: 'Learn the difference between A and A2 and apply it to B',
    options: {
      a: { takes: ['FILE'], required: true, help: 'the example before' },
      a2: { takes: ['FILE'], required: true, help: 'the example after' },
      b: { takes: ['FILE'], required: true, help: 'the picture to change' },
      out: { takes: ['FILE'], required: true, help: 'where B2 is written, as PNG' },
      pair: { ...pair, help: 'a further example of the same difference; more may be given' },
      model,
      mode,
      steps,
      strength,
      preserve,
      seed,
      prompt: { takes: ['TEXT'], help: 'B in words (default: the model captions it)' },
      save: { takes: ['FILE'], help: 'also save the difference, as safetensors' },
      learned,
      json,
      help,
    },
    examples: [
      'analogy --a cat.png --a2 crying-cat.png --b dog.png --out crying-dog.png',
      'analogy --a cat.png --a2 crying-cat.png --b dog.png --out b2.png --strength 2 --save crying.safetensors',
    ],
  },
  learn: {
    summary: 'Learn the difference between A and A2 and save it as a file',
    options: {
      pair: { ...pair, required: true },
      out: { takes: ['FILE'], required: true, help: 'where the difference is written, as safetensors' },
      model,
      mode,
      steps,
      seed,
      json,
      help,
    },
    examples: ['learn --pair cat.png crying-cat.png --pair fox.png crying-fox.png --out crying.safetensors'],
  },
  apply: {
    summary: 'Apply learned differences to a picture',
    options: {
      diff: {
        takes: ['FILE[:strength]'],
        many: true,
        required: true,
        help: 'a difference or a textual inversion, and how strongly; more may be given',
      },
      image: { takes: ['FILE'], required: true, help: 'the picture to change' },
      out: { takes: ['FILE'], required: true, help: 'where the result is written, as PNG' },
      model,
      mode,
      strength: { ...strength, help: '0 changes nothing, negative undoes (default: as it was learned, else 1)' },
      preserve: { ...preserve, help: 'how much of the layout is kept (default: as it was learned, else 0.5)' },
      seed,
      prompt: { takes: ['TEXT'], help: 'the picture in words (default: the model captions it)' },
      learned,
      json,
      help,
    },
    examples: [
      'apply --diff crying.safetensors --image dog.png --out crying-dog.png',
      'apply --diff crying.safetensors:1.5 --diff night.safetensors:-1 --image dog.png --out b2.png',
    ],
  },
  'models list': {
    summary: 'List the available models',
    options: { json, help },
    examples: ['models list'],
  },
  'models pull': {
    summary: 'Download a model, or the rest of it; resumes after an interruption',
    operands: ['NAME'],
    options: { json, help },
    examples: [
      'models pull sd-1.5',
      'models pull hf:OWNER/NAME',
      'models pull https://huggingface.co/…/model.safetensors',
    ],
  },
  'models check': {
    summary: 'Compare every file of a model with its checksum; without checksums, try the model out',
    operands: ['NAME'],
    options: { json, help },
    examples: ['models check emoji', 'models check /path/to/a/folder'],
  },
  'bench step': {
    summary: 'Time one forward pass and one learning step',
    options: {
      repeats: { takes: ['N'], help: 'how often each is timed (default: 10)' },
      model,
      mode,
      seed,
      json,
      help,
    },
    examples: ['bench step --json'],
  },
  'bench quality': {
    summary: 'Measure how often B2 is right, on analogies whose true B2 is known; takes hours in full',
    options: {
      list: { takes: ['tuning|final'], help: 'which analogies (default: tuning)' },
      'per-family': { takes: ['N'], help: 'pairs of each of the sixteen families (default: 1)' },
      targets: { takes: ['N'], help: 'how many B each pair is applied to (default: 2)' },
      rows: { takes: ['NAME;…'], help: 'what to compare (default: all but the slowest)' },
      family: { takes: ['NAME'], help: 'one family only' },
      out: { takes: ['FOLDER'], help: 'where results, plots and pictures go; what is there is not made again' },
      model,
      seed,
      json,
      help,
    },
    examples: ['bench quality --list final --per-family 2 --out quality --json'],
  },
  'bench photos': {
    summary: 'Run every triple in a folder, and write a report that can be attached to an issue',
    operands: ['FOLDER'],
    options: { model, mode, seed, json, help },
    examples: ['bench photos triples --model sd-1.5'],
  },
}
