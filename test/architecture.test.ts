import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'

// The direction of the arrows. Every test fails with a list: file, what it does, what it may.

interface Import {
  readonly from: string
  /** A path inside the repository, or a package's name. */
  readonly to: string
  readonly specifier: string
  readonly isType: boolean
  readonly isRelative: boolean
}

/** A room is a folder or a file. A file belongs to the room with the longest path that holds it. */
const rooms: Readonly<Record<string, { readonly may: readonly string[]; readonly types?: readonly string[] }>> = {
  'src/errors.ts': { may: [] },
  'src/sentence.ts': { may: [] },
  'src/duration.ts': { may: ['src/sentence.ts'] },
  'src/limits.ts': { may: [] },
  'src/scrub.ts': { may: [] },
  'src/log.ts': { may: ['src/scrub.ts'] },
  'src/config.ts': { may: ['src/errors.ts'] },
  'src/tensor': { may: ['src/errors.ts'] },
  'src/image': { may: ['src/tensor', 'src/errors.ts', 'src/limits.ts'] },
  'src/metadata': { may: [] },
  'src/store': { may: ['src/errors.ts', 'src/limits.ts'], types: ['src/jobs/protocol.ts'] },
  'src/hub': { may: ['src/errors.ts'] },
  'src/onnx': { may: ['src/errors.ts'] },
  'src/onnx/session.ts': { may: ['src/onnx', 'src/tensor', 'src/errors.ts'] },
  'src/autodiff': { may: ['src/onnx', 'src/errors.ts'] },
  'src/compute': { may: ['src/autodiff', 'src/onnx', 'src/onnx/session.ts', 'src/tensor', 'src/errors.ts'] },
  'src/diffusion': { may: ['src/tensor', 'src/errors.ts'] },
  'src/engine': { may: ['src/diffusion', 'src/tensor', 'src/errors.ts'] },
  'src/exact': { may: ['src/image', 'src/tensor', 'src/errors.ts'] },
  'src/architectures': { may: ['src/onnx', 'src/errors.ts'] },
  'src/checkpoints': { may: ['src/architectures', 'src/onnx', 'src/tensor', 'src/errors.ts'] },
  'src/networks': {
    may: [
      'src/architectures',
      'src/checkpoints',
      'src/compute',
      'src/hub',
      'src/image',
      'src/onnx',
      'src/tensor',
      'src/errors.ts',
    ],
    types: ['src/diffusion', 'src/onnx/session.ts'],
  },
  'src/worker': {
    may: [
      'src/compute',
      'src/diffusion',
      'src/engine',
      'src/exact',
      'src/hub',
      'src/image',
      'src/jobs',
      'src/jobs/protocol.ts',
      'src/networks',
      'src/tensor',
      'src/errors.ts',
    ],
  },
  'src/jobs/protocol.ts': { may: [], types: ['src/sentence.ts'] },
  'src/jobs': { may: ['src/jobs/protocol.ts', 'src/errors.ts', 'src/limits.ts'], types: ['src/store'] },
  'src/discord': {
    may: ['src/metadata', 'src/errors.ts', 'src/limits.ts'],
    types: ['src/jobs', 'src/jobs/protocol.ts', 'src/store'],
  },
  commands: { may: ['src/discord', 'src/jobs', 'src/jobs/protocol.ts', 'src/store', 'src/errors.ts'] },
  ...Object.fromEntries(
    ['src/main.ts', 'src/worker-machine.ts', 'src/cli.ts', 'src/cli', 'src/bot', 'deploy-commands.ts'].map((entry) => [
      entry,
      {
        may: [
          'commands',
          'src/discord',
          'src/jobs',
          'src/jobs/protocol.ts',
          'src/store',
          'src/hub',
          'src/config.ts',
          'src/log.ts',
          'src/scrub.ts',
          'src/errors.ts',
          'src/limits.ts',
          'src/main.ts',
          'src/cli.ts',
          'src/cli',
          'src/bot',
          'deploy-commands.ts',
        ],
      },
    ]),
  ),
}

/** One package, one door: the room or file that may import it. */
const doors: Readonly<Record<string, readonly string[]>> = {
  'onnxruntime-node': ['src/onnx/session.ts'],
  sharp: ['src/image'],
  'p-queue': ['src/jobs/queue.ts'],
  '@huggingface/hub': ['src/hub/client.ts'],
  '@huggingface/transformers': ['src/networks/vision/photo-captioner.ts'],
  '@huggingface/tokenizers': ['src/networks/text'],
  'prom-client': ['src/bot/metrics.ts'],
  keyv: ['src/store/collections.ts'],
  pg: ['src/store/postgres.ts'],
  'pg-boss': ['src/jobs/boss.ts'],
  'node:sqlite': ['src/store/sqlite.ts', 'src/hub/pull-lock.ts'],
  'intl-messageformat': ['src/sentence.ts'],
  '@formatjs/icu-messageformat-parser': ['src/sentence.ts'],
  dotenv: ['src/config.ts'],
  pino: ['src/log.ts'],
  'onnx-buf': ['src/onnx'],
  '@bufbuild/protobuf': ['src/onnx'],
  'discord.js': ['src/discord', 'commands', 'src/main.ts', 'deploy-commands.ts'],
}

/** What an error says: whoever may import errors may import these. */
const withErrors = ['src/errors.ts', 'src/sentence.ts', 'src/duration.ts']

const isIn = (file: string, room: string) => file === room || file.startsWith(`${room}/`)

const files = globSync(['src/**/*.ts', 'commands/**/*.ts', 'deploy-commands.ts'])
  .map((file) => normalize(file))
  .sort()
const sources = new Map(files.map((file) => [file, readFileSync(file, 'utf8')]))
const imports = files.flatMap((file) => importsOf(file, sources.get(file)!))
const roomOf = (file: string) =>
  Object.keys(rooms)
    .filter((room) => isIn(file, room))
    .sort((a, b) => b.length - a.length)[0]

function importsOf(from: string, source: string): Import[] {
  const statements = source.matchAll(/^(?:import|export)\s+(type\s)?(?:([\w$*{},\s]+?)\s+from\s+)?'([^'"]+)'/gm)
  const dynamic = source.matchAll(/\bimport\(\s*'([^'"]+)'\s*\)/g)
  const found = [
    ...[...statements].map(([, type, names = '', specifier]) => ({ specifier, isType: !!type || onlyTypes(names) })),
    ...[...dynamic].map(([, specifier]) => ({ specifier, isType: false })),
  ]
  return found.map(({ specifier = '', isType }) => {
    const isRelative = specifier.startsWith('.')
    const to = isRelative ? normalize(join(dirname(from), specifier)) : packageOf(specifier)
    return { from, to, specifier, isType, isRelative }
  })
}

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}

/** `{ type A, type B }` */
function onlyTypes(names: string): boolean {
  const list = /^\{([\s\S]*)\}$/
    .exec(names.trim())?.[1]
    ?.split(',')
    .map((name) => name.trim())
    .filter(Boolean)
  return !!list?.length && list.every((name) => name.startsWith('type '))
}

const none = (violations: readonly string[], rule: string) =>
  assert.equal(violations.length, 0, `${rule}\n${violations.map((line) => `  ${line}`).join('\n')}`)

test('imports are found in every form they take', () => {
  const source = `
import './a.ts'
import sharp from 'sharp'
import type { B } from '../b.ts'
import { type C, type D } from './c.ts'
import {
  type E,
  f,
} from '@scope/name/deep'
export { g } from './g.ts'
const h = await import('./h.ts')
`
  assert.deepEqual(
    importsOf('src/x/y.ts', source).map(({ to, isType }) => `${to}${isType ? ' type' : ''}`),
    ['src/x/a.ts', 'sharp', 'src/b.ts type', 'src/x/c.ts type', '@scope/name', 'src/x/g.ts', 'src/x/h.ts'],
  )
})

test('every source file belongs to a room', () => {
  assert.ok(files.length > 10)
  none(
    files.filter((file) => !roomOf(file)),
    'These files are in no room:',
  )
})

test('a room imports only what it may', () => {
  const violations = imports.filter(({ from, to, isType, isRelative }) => {
    if (!isRelative) return false
    const own = roomOf(from)
    const other = roomOf(to)
    if (!own || !other || own === other) return !other && !to.endsWith('.json')
    const { may, types = [] } = rooms[own]!
    const isWithErrors = withErrors.includes(other) && (may.includes('src/errors.ts') || withErrors.includes(own))
    return !may.includes(other) && !isWithErrors && !(isType && types.includes(other))
  })
  none(
    violations.map(({ from, to, isType }) => {
      const { may, types = [] } = rooms[roomOf(from)!]!
      const allowed = [...may, ...types.map((other) => `types of ${other}`)].join(', ') || 'nothing'
      return `${from} imports ${isType ? 'types of ' : ''}${to}; its room may import ${allowed}`
    }),
    'Imports against the arrows:',
  )
})

test('nothing imports the worker or an entry', () => {
  const started =
    /^(src\/(worker\/main|store\/sqlite-thread|compute\/device-trial|main|worker-machine|cli)|deploy-commands)\.ts$/
  none(
    imports
      .filter(({ to }) => started.test(to))
      .map(({ from, to }) => `${from} imports ${to}, which is started by path`),
    'Imports of what is started by path:',
  )
})

test('one package, one door', () => {
  const packages = Object.keys(JSON.parse(readFileSync('package.json', 'utf8')).dependencies as Record<string, string>)
  none(
    imports.flatMap(({ from, to, isRelative }) => {
      const isBuiltIn = to.startsWith('node:')
      if (isRelative || (isBuiltIn && !doors[to])) return []
      if (!isBuiltIn && !packages.includes(to)) return `${from} imports ${to}, which is not a dependency`
      if (!doors[to]) return `${from} imports ${to}, which has no door in this test`
      return doors[to].some((door) => isIn(from, door))
        ? []
        : `${from} imports ${to}; its door is ${doors[to].join(' or ')}`
    }),
    'Packages that come in by another way:',
  )
})

test('the method and diffusion know no package, not even Node’s file system or network', () => {
  none(
    imports
      .filter(({ from, isRelative }) => ['src/engine', 'src/diffusion'].some((room) => isIn(from, room)) && !isRelative)
      .map(({ from, to }) => `${from} imports ${to}`),
    'These rooms are pure:',
  )
})

test('relative imports end in .ts and exist', () => {
  none(
    imports
      .filter(({ to, isRelative }) => isRelative && (!/\.(ts|json)$/.test(to) || !existsSync(to)))
      .map(({ from, specifier }) => `${from} imports ${specifier}`),
    'Imports that do not name a file:',
  )
})

test('there are no cycles', () => {
  const next = Map.groupBy(
    imports.filter(({ isRelative }) => isRelative),
    ({ from }) => from,
  )
  const done = new Set<string>()
  const cycles: string[] = []
  const visit = (file: string, path: readonly string[]) => {
    if (path.includes(file)) return void cycles.push([...path.slice(path.indexOf(file)), file].join(' → '))
    if (done.has(file)) return
    for (const { to } of next.get(file) ?? []) visit(to, [...path, file])
    done.add(file)
  }
  for (const file of files) visit(file, [])
  none(cycles, 'Cycles:')
})

test('there are no barrels and no default exports', () => {
  none(
    [...sources].flatMap(([file, source]) => [
      ...(/^export\s+(?:type\s+)?(?:\*|\{[^}]*\})\s*(?:as\s+\w+\s*)?from/m.test(source)
        ? [`${file} exports from another file`]
        : []),
      ...(/^export\s+default\b/m.test(source) ? [`${file} has a default export`] : []),
    ]),
    'Exports that hide where a name comes from:',
  )
})

test('only config.ts reads the environment', () => {
  const readers = [...sources].filter(([, source]) =>
    /\bprocess\s*(\.\s*env\b|\[\s*'env')|\benv\b[^'"\n]*from 'node:process'/.test(source),
  )
  none(
    readers.map(([file]) => file).filter((file) => file !== 'src/config.ts'),
    'These files read process.env:',
  )
})

test('no file in src has more than 250 lines', () => {
  none(
    [...sources]
      .map(([file, source]) => [file, source.trimEnd().split('\n').length] as const)
      .filter(([file, lines]) => file.startsWith('src/') && lines > 250)
      .map(([file, lines]) => `${file} has ${lines} lines`),
    'Files to be taken apart:',
  )
})

/** Factories of many short functions around one state; the aim is to have none but the first. */
const longFunctions = ['createQueue']

test('no function has more than 80 lines, but those that are named', () => {
  const lengths = [...sources].flatMap(([file, source]) => {
    const lines = source.split('\n')
    return lines.flatMap((line, start) => {
      const [, declared, assigned] =
        /^(?:export )?(?:async )?function\*? (\w+)|^(?:export )?const (\w+)\b.*(?:=>|\()$/.exec(line) ?? []
      const name = declared ?? assigned
      const end = lines.findIndex((each, index) => index > start && /^[})](?!.*\{$)/.test(each))
      return name ? [{ file, name, length: end - start + 1 }] : []
    })
  })
  assert.ok(lengths.length > 300, `only ${lengths.length} functions were found`)
  none(
    lengths
      .filter(({ name, length }) => length > 80 && !longFunctions.includes(name))
      .map(({ file, name, length }) => `${file}: ${name} has ${length} lines`),
    'Functions to be taken apart (or, if there is no time, named above):',
  )
})
