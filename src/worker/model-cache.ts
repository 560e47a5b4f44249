import { resolve } from 'node:path'
import { cpu, type Hardware } from '../compute/hardware.ts'
import type { DiffusionModel } from '../diffusion/model.ts'
import { readScheduleConfig, schedule } from '../diffusion/schedule.ts'
import type { JobOptions } from '../jobs/protocol.ts'
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
  readonly look: (folder: string) => Promise<ModelLayout>
  /** @throws UserError when one of its networks cannot be used. */
  readonly load: (layout: ModelLayout) => Promise<LoadedModel>
}

/** Keeps the last model in memory, and closes it before another is loaded. */
export function createModelCache({ cacheFolder, hardware = async () => cpu }: ModelCacheOptions): ModelCache {
  let loaded: (LoadedModel & { readonly layout: ModelLayout }) | undefined
  const look: ModelCache['look'] = async (folder) =>
    loaded?.layout.path === folder ? loaded.layout : readLayout(folder)
  const load: ModelCache['load'] = async (layout) => {
    if (loaded?.layout.path === layout.path) return loaded
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

/** The folder of the model that a job names: in `models/`, or a path. */
export const folderOf = ({ model }: JobOptions): string =>
  /[/\\]/.test(model) ? resolve(model) : resolve(import.meta.dirname, '../../models', model)

const LEARNING_BATCH = 6
