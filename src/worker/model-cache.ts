import { resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { cpu, type Hardware } from '../compute/hardware.ts'
import type { DiffusionModel } from '../diffusion/model.ts'
import { readScheduleConfig, schedule } from '../diffusion/schedule.ts'
import { readReference } from '../hub/reference.ts'
import { type ModelLayout, readLayout } from '../networks/layout.ts'
import { loadModel } from '../networks/load.ts'
import { openSafetyChecker, type SafetyChecker } from '../networks/vision/safety-checker.ts'

export interface LoadedModel {
  readonly model: DiffusionModel
  /** Where the model came with one. */
  readonly checker?: SafetyChecker
  readonly device: Hardware['device']
}

export interface ModelCacheOptions {
  /** Where gradient graphs are kept. */
  readonly cacheFolder?: string
  /** What models are computed on, asked for when one is loaded. @default the CPU */
  readonly hardware?: () => Promise<Hardware>
}

export interface ModelCache {
  /** @throws UserError when the folder is not a model that can be used. */
  readonly look: (model: string) => Promise<ModelLayout>
  /** @throws UserError when one of its networks cannot be used. */
  readonly load: (layout: ModelLayout) => Promise<LoadedModel>
}

/** Keeps the last model in memory, and closes it before another is loaded. */
export function createModelCache({ cacheFolder, hardware = async () => cpu }: ModelCacheOptions): ModelCache {
  let loaded: (LoadedModel & { readonly layout: ModelLayout }) | undefined
  const look: ModelCache['look'] = async (model) => {
    const reference = readReference(model, MODELS)
    return isDeepStrictEqual(loaded?.layout.reference, reference) ? loaded!.layout : readLayout(reference)
  }
  const load: ModelCache['load'] = async (layout) => {
    if (loaded?.layout === layout) return loaded
    await Promise.all([loaded?.model.close(), loaded?.checker?.close()])
    loaded = undefined
    const found = await hardware()
    const model = await loadModel({
      layout,
      hardware: found,
      learningBatch: LEARNING_BATCH,
      cacheFolder,
      readSchedule: (config, imageTokens) => schedule(readScheduleConfig(config, imageTokens)),
    })
    loaded = { layout, model, checker: await openSafetyChecker(layout.path), device: found.device }
    return loaded
  }
  return { look, load }
}

/** Where models are looked for by name. */
const MODELS = resolve(import.meta.dirname, '../../models')

const LEARNING_BATCH = 6
