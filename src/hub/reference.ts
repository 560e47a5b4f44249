import { join, resolve } from 'node:path'
import { UserError } from '../errors.ts'

/** A model as a person names it. */
export interface ModelReference {
  /** Its folder or file, absolute. */
  readonly path: string
  /** What its network predicts, if its files don't say. */
  readonly prediction?: 'epsilon' | 'v'
  readonly loras: readonly Lora[]
}

interface Lora {
  /** Absolute. */
  readonly path: string
  readonly strength: number
}

/**
 * Reads `MODEL[@v|@epsilon][+LORA.safetensors[:strength]]…`. The model is a name in `modelsFolder`, or the path of a
 * folder or a `.safetensors` file.
 * @throws UserError for a LoRA without a file name, or with a strength that is no number
 */
export function readReference(text: string, modelsFolder: string): ModelReference {
  const [named = '', ...loras] = text.split(/\+(?=[^+]*\.safetensors(?::[^+:/\\]*)?(?:\+|$))/)
  const [, model = '', prediction] = /^(.*?)(?:@(v|epsilon))?$/s.exec(named)!
  return {
    path: isName(model) ? join(modelsFolder, model) : resolve(model),
    ...(prediction && { prediction: prediction as 'epsilon' | 'v' }),
    loras: loras.map(readLora),
  }
}

/** Whether a model is a name in `models/` and not a path. */
export const isName = (model: string): boolean => /^\w[\w.-]*$/.test(model)

function readLora(text: string): Lora {
  const [, path = '', strength = '1'] = /^(.*\.safetensors)(?::(.*))?$/s.exec(text)!
  if (!/^-?\d+(\.\d+)?$/.test(strength)) {
    throw new UserError(`Expected a number after ${path}:, as in ${path}:0.8, got ${JSON.stringify(strength)}.`)
  }
  return { path: resolve(path), strength: Number(strength) }
}
