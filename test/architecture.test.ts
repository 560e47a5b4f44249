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

/** The first layer whose pattern fits a file is its own. `may` lists layers, `types` those of which only types. */
const layers: readonly { name: string; files: RegExp; may: readonly string[]; types?: readonly string[] }[] = [
  { name: 'errors', files: /^src\/errors\.ts$/, may: [] },
  { name: 'jobs/protocol', files: /^src\/jobs\/protocol\.ts$/, may: [] },
  { name: 'config', files: /^src\/config\.ts$/, may: ['errors'] },
  { name: 'log', files: /^src\/(log|scrub)\.ts$/, may: [] },
  { name: 'tensor', files: /^src\/tensor\//, may: ['errors'] },
  { name: 'store', files: /^src\/store\//, may: ['errors'] },
  { name: 'onnx/session', files: /^src\/onnx\/session\.ts$/, may: ['onnx', 'tensor', 'errors'] },
  { name: 'onnx', files: /^src\/onnx\//, may: ['errors'] },
  { name: 'autodiff', files: /^src\/autodiff\//, may: ['onnx', 'errors'] },
  { name: 'engine', files: /^src\/engine\//, may: ['tensor', 'errors'] },
  {
    name: 'networks',
    files: /^src\/networks\//,
    may: ['autodiff', 'onnx', 'onnx/session', 'tensor', 'errors'],
    types: ['engine'],
  },
  {
    name: 'jobs/worker',
    files: /^src\/jobs\/(worker|perform|pictures|previews)\.ts$/,
    may: ['networks', 'engine', 'tensor', 'jobs', 'jobs/protocol', 'errors'],
  },
  { name: 'jobs', files: /^src\/jobs\//, may: ['jobs/protocol', 'errors'] },
  { name: 'discord', files: /^src\/discord\//, may: ['errors'], types: ['jobs', 'jobs/protocol', 'store'] },
  { name: 'commands', files: /^commands\//, may: ['discord', 'jobs', 'jobs/protocol', 'store', 'errors'] },
  {
    name: 'entries',
    files: /^(src\/(main|cli)\.ts|src\/(cli|bot)\/.*|deploy-commands\.ts)$/,
    may: ['commands', 'discord', 'jobs', 'jobs/protocol', 'store', 'config', 'log', 'errors'],
  },
]

/** One package, one door. */
const doors: Readonly<Record<string, RegExp>> = {
  'onnxruntime-node': /^src\/onnx\/session\.ts$/,
  sharp: /^src\/tensor\/image\.ts$/,
  'p-queue': /^src\/jobs\/queue\.ts$/,
  '@huggingface/hub': /^src\/store\/hub\.ts$/,
  '@huggingface/transformers': /^src\/networks\/photo-captioner\.ts$/,
  '@huggingface/tokenizers': /^src\/networks\/t5-tokenizer\.ts$/,
  keyv: /^src\/store\/collections\.ts$/,
  'node:sqlite': /^src\/store\/sqlite\.ts$/,
  dotenv: /^src\/config\.ts$/,
  pino: /^src\/log\.ts$/,
  'onnx-buf': /^src\/onnx\//,
  '@bufbuild/protobuf': /^src\/onnx\//,
  'discord.js': /^(src\/discord\/|commands\/|src\/main\.ts$|deploy-commands\.ts$)/,
}

const files = globSync(['src/**/*.ts', 'commands/**/*.ts', 'deploy-commands.ts'])
  .map((file) => normalize(file))
  .sort()
const sources = new Map(files.map((file) => [file, readFileSync(file, 'utf8')]))
const imports = files.flatMap((file) => importsOf(file, sources.get(file)!))
const layerOf = (file: string) => layers.find((layer) => layer.files.test(file))

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

test('every source file belongs to a layer', () => {
  assert.ok(files.length > 10)
  none(
    files.filter((file) => !layerOf(file)),
    'These files are in no layer:',
  )
})

test('a layer imports only what it may', () => {
  const violations = imports.filter(({ from, to, isType, isRelative }) => {
    if (!isRelative) return false
    const own = layerOf(from)
    const other = layerOf(to)
    if (!own || !other || own === other) return !other && !to.endsWith('.json')
    return !own.may.includes(other.name) && !(isType && own.types?.includes(other.name))
  })
  none(
    violations.map(({ from, to, isType }) => {
      const { name, may, types = [] } = layerOf(from)!
      const allowed = [...may, ...types.map((other) => `types of ${other}`)].join(', ') || 'nothing'
      return `${from} imports ${isType ? 'types of ' : ''}${to}; ${name} may import ${allowed}`
    }),
    'Imports against the arrows:',
  )
})

test('nothing imports the worker or an entry', () => {
  const started = /^(src\/(jobs\/worker|store\/sqlite-thread|main|cli)|deploy-commands)\.ts$/
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
      return doors[to].test(from) ? [] : `${from} imports ${to}; its door is ${doors[to].source}`
    }),
    'Packages that come in by another way:',
  )
})

test('the engine knows no package, not even Node’s file system or network', () => {
  none(
    imports
      .filter(({ from, isRelative }) => from.startsWith('src/engine/') && !isRelative)
      .map(({ from, to }) => `${from} imports ${to}`),
    'The engine is pure:',
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
