import { globSync, readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { parse } from 'acorn'
import { placeholdersOf } from '../../../src/sentence.ts'

// Reads from the sources what is said to people.

/** A template where it is used. */
export interface Use {
  readonly where: string
  readonly template: string
  /** The property that it is the value of, such as `label`. */
  readonly property?: string
}

export interface Found {
  readonly uses: readonly Use[]
  /** What is wrong in the sources themselves. */
  readonly faults: readonly string[]
}

interface Node {
  readonly type: string
  readonly loc: { readonly start: { readonly line: number } }
  readonly [key: string]: unknown
}

/** @param patterns Of files, from the repository's root. */
export function templatesIn(patterns: readonly string[], except: readonly string[] = []): Found {
  const files = globSync([...patterns]).filter((file) => !except.some((one) => file.startsWith(one)))
  const found = files.sort().map((file) => templatesOf(file, readFileSync(file, 'utf8')))
  return { uses: found.flatMap(({ uses }) => uses), faults: found.flatMap(({ faults }) => faults) }
}

export function templatesOf(file: string, source: string): Found {
  const plain = stripTypeScriptTypes(source)
  const program = parse(plain, { ecmaVersion: 'latest', sourceType: 'module', locations: true }) as unknown as Node
  const uses: Use[] = []
  const faults: string[] = []
  const constants = constantsOf(program)
  const where = ({ loc }: Node) => `${file}:${loc.start.line}`

  const take = (call: Node, property: string | undefined) => {
    const [first, values] = call.arguments as Node[]
    if (!first) return
    const templates = textsOf(first, constants)
    for (const one of templates) {
      if (one === undefined) faults.push(`${where(call)} puts values in with \${}: use {name} and an object`)
      else uses.push({ where: where(call), template: one, property })
    }
    // The values of a template come later.
    if (nameOf(call.callee as Node) !== 'template') faults.push(...valueFaults(where(call), templates, values))
  }

  const visit = (node: Node, isSafe: boolean, property?: string) => {
    const isSaid = isSaying(node)
    if (isSaid) take(node, property)
    const text = isSafe || isSaid ? undefined : sentenceIn(node, property)
    if (text !== undefined)
      faults.push(`${where(node)} says “${text}” in English alone: use say, sentence or UserError`)
    const isSafeInside = isSafe || isSaid || isForNobody(node)
    const key = node.type === 'Property' ? (node.key as Node).name : undefined
    for (const [name, child] of Object.entries(node)) {
      if (name === 'key' && !node.computed) continue
      const inner = typeof key === 'string' ? key : isTransparent(node) ? property : undefined
      for (const one of [child].flat())
        if (isNode(one)) visit(one, isSafe || (isSafeInside && name !== 'callee'), inner)
    }
  }
  visit(program, !/^(commands|src\/discord)\//.test(file))
  return { uses, faults }
}

const isNode = (value: unknown): value is Node => typeof Object(value).type === 'string'

/** `say('…')`, `call.say('…')`, `sayToAll('…')`, `sayAt(target)('…')`, `sentence('…')`, `new UserError('…')`. */
function isSaying({ type, callee }: Node): boolean {
  const name = nameOf(callee as Node | undefined)
  if (type === 'NewExpression') return /^(User|OtherModel|Interrupted)Error$/.test(name)
  return type === 'CallExpression' && /^(say(?!(In|At)$)\w*(\(\))?|sentence|template)$/.test(name)
}

function nameOf(node: Node | undefined): string {
  if (!node) return ''
  if (node.type === 'CallExpression') return `${nameOf(node.callee as Node)}()`
  return String(node.type === 'MemberExpression' ? (node.property as Node).name : (node.name ?? ''))
}

/** Texts of commands are read from the commands; what is logged, or thrown as a fault of ours, nobody is told. */
const isForNobody = ({ type, callee }: Node): boolean =>
  /^(Import|Export(All|Named)Decl)/.test(type)
    ? type.startsWith('Import')
    : /^(setDescription|setName|addChoices|log|Error|AggregateError|TypeError|RangeError)$/.test(
        nameOf(callee as Node | undefined),
      )

const isTransparent = ({ type }: Node) => /^(Conditional|Logical)Expression$/.test(type)

/** `const name = '…'` at the top of the file. */
function constantsOf({ body }: Node): ReadonlyMap<string, Node> {
  const declared = (body as Node[]).flatMap(
    (node) => ((node.declaration as Node | undefined) ?? node).declarations ?? [],
  )
  return new Map((declared as Node[]).flatMap(({ id, init }) => (isNode(init) ? [[nameOf(id as Node), init]] : [])))
}

/** The texts that an argument may be; undefined for one that is put together. Nothing for a sentence made elsewhere. */
function textsOf(node: Node, constants: ReadonlyMap<string, Node>): readonly (string | undefined)[] {
  if (node.type === 'ConditionalExpression') {
    return [node.consequent, node.alternate].flatMap((branch) => textsOf(branch as Node, constants))
  }
  if (node.type === 'Identifier') {
    const constant = constants.get(nameOf(node))
    return constant?.type === 'Literal' || constant?.type === 'BinaryExpression' ? textsOf(constant, constants) : []
  }
  if (node.type === 'BinaryExpression') {
    const [left, right] = [textsOf(node.left as Node, constants)[0], textsOf(node.right as Node, constants)[0]]
    return [left !== undefined && right !== undefined ? left + right : undefined]
  }
  if (node.type === 'TemplateLiteral') return [undefined]
  return node.type === 'Literal' ? [String(node.value)] : []
}

function valueFaults(where: string, templates: readonly (string | undefined)[], values: Node | undefined): string[] {
  if (values && values.type !== 'ObjectExpression') return []
  const properties = (values?.properties ?? []) as Node[]
  if (properties.some(({ type }) => type === 'SpreadElement')) return []
  const given = properties.map(({ key }) => nameOf(key as Node))
  const wanted = templates.flatMap((one) => (one === undefined ? [] : placeholdersOf(one).map(({ name }) => name)))
  if (templates.length === 0) return []
  return [
    ...wanted.filter((name) => !given.includes(name)).map((name) => `${where} gives no value for {${name}}`),
    ...given.filter((name) => !wanted.includes(name)).map((name) => `${where} gives ${name}, which is not used`),
  ]
}

const forTheLog = ['\ncaused by ']

/** Properties that people read. */
const shown = /^(label|placeholder|description|alt|title)$/

/** A text that looks like something a person reads. */
function sentenceIn(node: Node, property: string | undefined): string | undefined {
  const text =
    node.type === 'Literal' && typeof node.value === 'string'
      ? node.value
      : node.type === 'TemplateElement'
        ? String(Object(node.value).cooked)
        : ''
  const isShown = shown.test(property ?? '') && /\p{L}{2,}/u.test(text)
  if (forTheLog.includes(text)) return undefined
  return isShown || /\p{L}{2,}[,:;]? \p{L}{2,}/u.test(text) ? text : undefined
}
