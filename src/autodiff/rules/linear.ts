import { broadcast } from '../../onnx/broadcast.ts'
import type { Emitter } from '../../onnx/emitter.ts'
import type { Value } from '../../onnx/graph.ts'
import { float, integer, type Rule, text, Unsupported } from '../rule.ts'
import { convolution } from './convolution.ts'

export const linear: Record<string, Rule> = {
  MatMul: ({ gradient, operands: [a, b] }, emit) => {
    const [left, right] = [a.dims.length === 1 ? row(a, emit) : a, b.dims.length === 1 ? column(b, emit) : b]
    const batch = broadcast(left.dims.slice(0, -2), right.dims.slice(0, -2))
    const outer = emit.reshape(gradient, [...batch, left.dims.at(-2)!, right.dims.at(-1)!])
    const byLeft = right.dims.length === 2 ? byWeight(outer, right, emit) : emit.matmul(outer, emit.swap(right))
    return [reshapeTo(byLeft, a, emit), reshapeTo(byRight(left, right, outer, emit), b, emit)]
  },
  /** y = α·A′B′ + β·C, where ′ is a transposition or nothing. */
  Gemm: (call, emit) => {
    const {
      gradient,
      operands: [a, b],
    } = call
    const [alpha, beta] = [float(call, 'alpha', 1), float(call, 'beta', 1)]
    const [transA, transB] = [integer(call, 'transA', 0) === 1, integer(call, 'transB', 0) === 1]
    return [
      transA
        ? emit.gemm(b, gradient, { transA: transB, transB: true, alpha })
        : emit.gemm(gradient, b, { transB: !transB, alpha }),
      transB
        ? emit.gemm(gradient, a, { transA: true, transB: transA, alpha })
        : emit.gemm(a, gradient, { transA: !transA, alpha }),
      beta === 1 ? gradient : emit.mul(gradient, beta),
    ]
  },
  /** The letters of an operand and of the output are swapped. */
  Einsum: (call, emit) => {
    const { gradient, inputs } = call
    const [left = '', output = ''] = text(call, 'equation', '').replaceAll(' ', '').split('->')
    const letters = left.split(',')
    if (!output || left.includes('.'))
      throw new Unsupported(`its equation ${text(call, 'equation', '')} is not explicit`)
    return inputs.map((input, index) => {
      const others = letters.toSpliced(index, 1)
      const known = new Set([output, ...others].join(''))
      if (![...letters[index]!].every((letter) => known.has(letter))) return undefined
      const equation = `${[output, ...others].join(',')}->${letters[index]}`
      const operands = [gradient, ...inputs.toSpliced(index, 1)]
      return emit.node('Einsum', operands, input!.dims, { attributes: { equation } })
    })
  },
  Conv: convolution,
}

const row = (x: Value, emit: Emitter) => emit.reshape(x, [1, x.dims[0]!])
const column = (x: Value, emit: Emitter) => emit.reshape(x, [x.dims[0]!, 1])

/** The gradient of a vector operand has one axis of size 1 too many, beside the axes that the walk sums over. */
function reshapeTo(gradient: Value, operand: Value, emit: Emitter): Value {
  if (operand.dims.length !== 1) return gradient
  return emit.reshape(gradient, [...gradient.dims.slice(0, -2), operand.dims[0]!])
}

/** g·Bᵀ for a matrix B. Gemm reads B transposed, so no transposed copy of a weight is made. */
function byWeight(gradient: Value, matrix: Value, emit: Emitter): Value {
  const [rows, columns] = matrix.dims as [number, number]
  const flat = emit.reshape(gradient, [product(gradient.dims.slice(0, -1)), columns])
  return emit.reshape(emit.gemm(flat, matrix, { transB: true }), [...gradient.dims.slice(0, -1), rows])
}

/** Aᵀ·g; for a matrix B also summed over the axes along which B is shared. */
function byRight(a: Value, b: Value, gradient: Value, emit: Emitter): Value {
  if (b.dims.length > 2) return emit.matmul(emit.swap(a), gradient)
  const flat = (x: Value) => emit.reshape(x, [product(x.dims.slice(0, -1)), x.dims.at(-1)!])
  return emit.gemm(flat(a), flat(gradient), { transA: true })
}

const product = (dims: readonly number[]) => dims.reduce((total, dim) => total * dim, 1)
