import { UserError } from '../errors.ts'
import type { Model } from '../store/models.ts'
import { findFaults, findMissing, findModel, listModels } from '../store/models.ts'
import type { CommandLine } from './jobs.ts'

export const modelsList: CommandLine = async (given, { modelsFolder }) => {
  const models = await Promise.all((await listModels(modelsFolder)).map(describe))
  if (given.has('json')) return JSON.stringify({ models })
  if (models.length === 0) return 'There are no models yet.'
  return models
    .map(({ name, bytes, licence, description, isComplete }) => {
      const state = isComplete ? '' : ' (incomplete)'
      return `${name}${state}: ${description} ${megabytes(bytes)}, ${licence}.`
    })
    .join('\n')
}

export const modelsCheck: CommandLine = async (given, { modelsFolder }) => {
  const model = await findModel(given.operands[0]!, modelsFolder)
  const faults = await findFaults(model)
  if (faults.length > 0) {
    const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : ''
    throw new UserError(`The model “${model.name}” is damaged: ${faults[0]}${more}; fetch it again.`)
  }
  const described = await describe(model)
  if (given.has('json')) return JSON.stringify(described)
  return `${model.name} is whole: ${model.files.length} files, ${megabytes(described.bytes)}.`
}

async function describe(model: Model) {
  const { name, description, licence, files } = model
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  const isComplete = (await findMissing(model)).length === 0
  return { name, description, licence, files: files.length, bytes, isComplete }
}

const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MB`
