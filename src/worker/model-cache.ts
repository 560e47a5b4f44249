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
  /** If the model has one. */
  readonly checker?: SafetyChecker
  readonly device: Hardware['device']
}

export interface ModelCacheOptions {
  /** Where gradient graphs are cached. */
  readonly cacheFolder?: string
  /** What models are computed on; asked when one is loaded. @default the CPU */
  readonly hardware?: () => Promise<Hardware>
}

interface ModelCache {
  /** @throws UserError if it is not a usable model */
  readonly look: (model: string) => Promise<ModelLayout>
  /** @throws UserError if one of its networks can't be used */
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

/** The folder in which models are looked up by name. */
const MODELS = resolve(import.meta.dirname, '../../models')

const LEARNING_BATCH = 6
