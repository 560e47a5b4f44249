/** The method with one thing changed: rows of their own, asked for by name. */
import { type Method, methods } from '../../src/engine/modes.ts'

const { fast, parity } = methods
const words = (other: Partial<Method['fromWords'] & object>): Method => ({
  ...fast,
  fromWords: { ...fast.fromWords!, ...other },
})
const rate = (factor: number) => {
  const { from, to } = fast.fromWords!.learningRate
  return { from: from * factor, to: to * factor }
}

/** Of `fast`, which learns from L_after alone. */
export const ABLATIONS: Readonly<Record<string, Method>> = {
  'with L_before': { ...fast, consistency: true },
  'with L_CLIP, α = 0.8': { ...fast, clipWeight: 0.3 },
  'with L_CLIP, α = 0': { ...fast, clipWeight: 0.3, alpha: 0 },
  'with L_CLIP, α = 1': { ...fast, clipWeight: 0.3, alpha: 1 },
  '25 steps': words({ steps: 25 }),
  '50 steps': words({ steps: 50 }),
  'a quarter of the learning rate': words({ learningRate: rate(0.25) }),
  'four times the learning rate': words({ learningRate: rate(4) }),
  'from zero, 2 tokens': { ...fast, fromWords: undefined, tokens: 2 },
  'from zero, 8 tokens': { ...fast, fromWords: undefined, tokens: 8 },
  'high noise only': { ...fast, timesteps: { from: 0.4, to: 1 } },
  'strength 1 alone': { ...fast, candidates: fast.candidates.slice(0, 1) },
  'B kept alone': { ...fast, candidates: fast.candidates.filter(({ preserve }) => preserve === 1) },
  'tried in 10 steps': { ...fast, trySteps: 10 },
  'edited in 5 steps': { ...fast, editSteps: 5, trySteps: 5 },
  'edited in 20 steps': { ...fast, editSteps: 20 },
}

/** The paper as written, without each of its three parts. */
export const PARTS_OF_PARITY: Readonly<Record<string, Method>> = {
  'parity without L_CLIP': { ...parity, clipWeight: 0 },
  'parity without L_before': { ...parity, consistency: false },
  'parity with Δ of the pictures alone': { ...parity, alpha: 0 },
}
