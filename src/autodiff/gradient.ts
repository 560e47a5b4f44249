import { UserError } from '../errors.ts'
import { Emitter } from '../onnx/emitter.ts'
import {
  type Graph,
  isFloat,
  type Node,
  namesUsed,
  numbersOf,
  prune,
  type Value,
  type ValueInfo,
} from '../onnx/graph.ts'
import { type Call, Unsupported } from './rule.ts'
import { rules } from './rules.ts'

interface GradientOptions {
  /** Names of the values to differentiate with respect to: inputs of the graph, or anything it computes. */
  readonly by: readonly string[]
  /**
   * The gradient of the loss with respect to outputs of the graph, as names of values in it: `{ output: cotangent }`.
   */
  readonly cotangents: Readonly<Record<string, string>>
}

/** The name of the gradient with respect to `name` in the graph that {@link gradient} returns. */
export const gradientName = (name: string): string => `gradient:${name}`

/**
 * Appends nodes that compute the gradient with respect to every value in `by`. Each becomes a further output, named by
 * {@link gradientName} and as large as the value. Reverse mode: Σ over outputs of cotangent · ∂output/∂value.
 *
 * Only values between `by` and the outputs are visited, and only their sizes have to be known.
 * @throws UserError if an operator on the path has no rule, or no path leads from `by` to the outputs
 */
export function gradient(graph: Graph, { by, cotangents }: GradientOptions): Graph {
  const emit = new Emitter(graph, 'backward/')
  const infos = new Map([
    ...constantInfos(graph),
    ...graph.inputs.map((each) => [each.name, each] as const),
    ...graph.values,
  ])
  const path = between(graph, infos, by, Object.keys(cotangents))
  const gradients = new Map(Object.entries(cotangents).map(([output, name]) => [output, [sized(infos, name)]]))
  const total = (name: string) => {
    const found = gradients.get(name)
    const sum = found && emit.total(found)
    if (sum) gradients.set(name, [sum])
    return sum
  }

  for (const node of graph.nodes.toReversed()) {
    const wanted = node.inputs.filter((name) => path.has(name))
    if (wanted.length === 0 || !node.outputs.some((name) => gradients.has(name))) continue
    const call = callOf(graph, infos, node, node.outputs.map(total))
    const found = applyRule(call, emit)
    for (const [index, name] of node.inputs.entries()) {
      if (!path.has(name)) continue
      const value = found[index] ?? refuse(node, `there is no gradient with respect to its input ${index}`)
      gradients.set(name, [...(gradients.get(name) ?? []), fit(value, sized(infos, name), emit)])
    }
  }
  for (const name of by) {
    const value = total(name)
    if (!value) throw new UserError(`${Object.keys(cotangents)} does not depend on ${name} in this model.`)
    emit.node('Identity', [value], value.dims, { name: gradientName(name) })
  }
  return prune(emit.graph([...graph.outputs, ...by.map(gradientName)]))
}

type Infos = ReadonlyMap<string, ValueInfo>

/** The values that depend on `from` through floats, and that `to` depends on. */
function between(graph: Graph, infos: Infos, from: readonly string[], to: readonly string[]): Set<string> {
  const dependent = new Set(from)
  for (const node of graph.nodes) {
    if (!namesUsed(node).some((name) => dependent.has(name))) continue
    for (const name of node.outputs) if (isFloat(infos.get(name)?.type ?? 'float32')) dependent.add(name)
  }
  const leading = new Set(to)
  for (const node of graph.nodes.toReversed()) {
    if (node.outputs.some((name) => leading.has(name))) for (const name of namesUsed(node)) leading.add(name)
  }
  return dependent.intersection(leading)
}

function constantInfos(graph: Graph): [string, ValueInfo][] {
  return [...graph.constants].map(([name, { type, dims }]) => [name, { name, type, dims }])
}

function sized(infos: Infos, name: string): Value {
  const info = infos.get(name)
  if (!info?.dims.every((dim) => typeof dim === 'number')) {
    throw new UserError(`The size of ${name} depends on the data in this model, so it has no gradient here.`)
  }
  return info as Value
}

function callOf(graph: Graph, infos: Infos, node: Node, gradients: (Value | undefined)[]): Call {
  const inputs = node.inputs.map((name) => (name === '' ? undefined : sized(infos, name)))
  const outputs = node.outputs.map((name) => (name === '' ? undefined : sized(infos, name)))
  return {
    node,
    inputs,
    outputs,
    gradients,
    x: inputs[0]!,
    y: outputs[0]!,
    gradient: gradients[0]!,
    operands: [inputs[0]!, inputs[1]!],
    isConstant: (index) => graph.constants.has(node.inputs[index] ?? ''),
    constant: (index) => {
      const found = graph.constants.get(node.inputs[index] ?? '')
      return found && numbersOf(found)
    },
  }
}

function applyRule(call: Call, emit: Emitter): readonly (Value | undefined)[] {
  const { node } = call
  const rule = rules[node.domain === '' ? node.operator : `${node.domain}.${node.operator}`]
  if (!rule)
    refuse(node, node.domain === '' ? withoutRule : `${node.domain} is not a standard operator set. ${plainExport}`)
  try {
    return rule(call, emit)
  } catch (error) {
    if (error instanceof Unsupported) refuse(node, error.message)
    throw error
  }
}

const withoutRule = 'there is no rule for it. Export the model without it, or add one in src/autodiff/rules'
const plainExport = 'Use the plain export of this model, not an optimized one'

function refuse(node: Node, reason: string): never {
  throw new UserError(
    `This model can’t be used for learning: the operator ${node.operator} (node ${node.name || node.outputs[0]}) has no gradient, because ${reason}.`,
  )
}

/**
 * Undoes broadcasting: sums over the axes along which the input was repeated, and expands where a rule left that to us.
 */
function fit(gradient: Value, to: Value, emit: Emitter): Value {
  const lead = gradient.dims.length - to.dims.length
  const axes = gradient.dims.flatMap((dim, axis) =>
    axis < lead || (dim !== 1 && to.dims[axis - lead] === 1) ? [axis] : [],
  )
  const summed = emit.sum(gradient, axes)
  const aligned = lead > 0 ? emit.reshape(summed, summed.dims.slice(lead)) : summed
  return emit.cast(emit.expand(aligned, to.dims), to.type)
}
