import type { Emitter } from '../onnx/emitter.ts'
import type { Node, Value } from '../onnx/graph.ts'

/**
 * An operator's gradient rule: one gradient for each input, in the order of the inputs; `undefined` or left out for
 * none. A gradient may have any dims that the input's dims were broadcast to, or that broadcast to them: the walk
 * reduces or expands it. Emitted nodes that aren't needed are removed afterwards.
 *
 * @throws Unsupported if the operator is used in a way the rule doesn't know
 */
export type Rule = (call: Call, emit: Emitter) => readonly (Value | undefined)[]

/** A node with its sizes, and the gradients of the loss with respect to its outputs. */
export interface Call {
  readonly node: Node
  readonly inputs: readonly (Value | undefined)[]
  readonly outputs: readonly (Value | undefined)[]
  readonly gradients: readonly (Value | undefined)[]
  /** The first of each; the rules of operators with one output use these. */
  readonly x: Value
  readonly y: Value
  readonly gradient: Value
  /** The first two inputs. */
  readonly operands: readonly [Value, Value]
  /** The numbers of an input that is a small constant. */
  readonly constant: (index: number) => readonly number[] | undefined
  /** Whether an input is a constant of any size, such as a weight. */
  readonly isConstant: (index: number) => boolean
}

/** An operator is used in a way that has no rule. `reason` completes "…, because ". */
export class Unsupported extends Error {
  override readonly name = 'Unsupported'
}

export const integer = ({ node }: Call, name: string, otherwise: number): number =>
  Number((node.attributes[name] as bigint | undefined) ?? otherwise)

export const float = ({ node }: Call, name: string, otherwise: number): number =>
  (node.attributes[name] as number | undefined) ?? otherwise

export const text = ({ node }: Call, name: string, otherwise: string): string =>
  (node.attributes[name] as string | undefined) ?? otherwise

export const integers = ({ node }: Call, name: string): number[] | undefined =>
  (node.attributes[name] as readonly bigint[] | undefined)?.map(Number)

/** The numbers of an input that has to be a constant, for example the axes of a reduction. */
export function constantInput(call: Call, index: number, what: string): readonly number[] {
  const numbers = call.constant(index)
  if (!numbers) throw new Unsupported(`its ${what} are computed by the graph`)
  return numbers
}

/** Counted from the front: `-1` is the last axis. */
export const fromFront = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis)
