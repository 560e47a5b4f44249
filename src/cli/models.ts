import { UserError } from '../errors.ts'
import { isAddress } from '../hub/address.ts'
import { findFaults, findMissing, findModel, isUnfetched, listModels, type Model, unfetched } from '../hub/catalog.ts'
import { readableSize } from '../hub/size.ts'
import type { CommandLine } from './jobs.ts'

export const modelsList: CommandLine = async (given, { modelsFolder }) => {
  const models = await Promise.all((await listModels(modelsFolder)).map(describe))
  if (given.has('json')) return JSON.stringify({ models })
  if (models.length === 0) return 'There are no models yet.'
  return models
    .map(({ name, bytes, licence, description, state, memory }) => {
      const facts = [description, memory && `Memory: ${memory}`, `Licence: ${licence}`].filter(Boolean)
      return [`${name}: ${state}, ${readableSize(bytes)}`, ...facts.map((fact) => `  ${fact}`)].join('\n')
    })
    .join('\n')
}

export const modelsPull: CommandLine = async (given, { modelsFolder, pull, add, tell }) => {
  const asked = given.operands[0]!
  const model = isAddress(asked) ? await add(asked) : await findModel(asked, modelsFolder)
  if (model.sources) tell(`The licence of “${model.name}”: ${model.licence}.`)
  if (isAddress(asked)) tell(`It has ${readableSize(bytesOf(model))} and is kept in ${model.folder}.`)
  if (model.note) tell(model.note)
  const { fetched } = await pull(model)
  const described = await describe(await findModel(model.folder, modelsFolder))
  if (given.has('json')) return JSON.stringify({ ...described, fetched })
  const size = `${described.files} files, ${readableSize(described.bytes)}`
  if (fetched === 0) return `${model.name} is here and whole: ${size}.`
  const origins = described.sources?.map(({ repository, commit }) => `${repository} at ${commit}`)
  return `${model.name} is whole now: ${size}; ${origins?.join(', ')}.`
}

export const modelsCheck: CommandLine = async (given, { modelsFolder, runJob }) => {
  const model = await findModel(given.operands[0]!, modelsFolder)
  if (await isUnfetched(model)) throw unfetched(model)
  if (model.files.length === 0) {
    const options = { model: given.operands[0]!, mode: 'fast', seed: 0 } as const
    const { bench, peakRssBytes } = (await runJob({ kind: 'bench-step', repeats: 1, triesPrediction: true, options }))
      .report
    const { declared = '', found = declared } = bench!.predicts ?? {}
    if (found !== declared) {
      const name = found === 'v_prediction' ? 'v' : found
      throw new UserError(`The network of ${model.name} predicts ${name}: write @${name} behind its path.`)
    }
    if (given.has('json')) return JSON.stringify({ ...(await describe(model)), ...bench, peakRssBytes })
    const cost = `a learning step takes ${readableTime(bench!.stepMs)} and ${readableSize(peakRssBytes)} of memory`
    return `${model.name} can be used: ${cost}. It has no manifest.json, so there are no checksums to hold it against.`
  }
  const faults = await findFaults(model)
  if (faults.length > 0) {
    const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : ''
    throw new UserError(`The model “${model.name}” is damaged: ${faults[0]}${more}; download it again.`)
  }
  const described = await describe(model)
  if (given.has('json')) return JSON.stringify(described)
  return `${model.name} is whole: ${model.files.length} files, ${readableSize(described.bytes)}.`
}

const readableTime = (milliseconds: number) =>
  milliseconds < 1000 ? `${Math.ceil(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`

const bytesOf = ({ sources = [] }: Model) => sources.reduce((sum, { bytes }) => sum + bytes, 0)

async function describe(model: Model) {
  const { name, description, licence, files, sources, memory, note } = model
  const isUnknown = files.length === 0 && sources !== undefined
  const bytes = (isUnknown ? sources : files).reduce((sum, one) => sum + one.bytes, 0)
  const isComplete = (await findMissing(model)).length === 0
  const isAbsent = !isComplete && (await isUnfetched(model))
  const state = isComplete ? 'whole' : isAbsent ? 'not fetched' : 'incomplete'
  const count = isUnknown ? sources.reduce((sum, { wanted }) => sum + wanted.length, 0) : files.length
  const origins = sources?.map(({ repository, revision, commit }) => ({ repository, revision, commit }))
  return { name, description, licence, files: count, bytes, isComplete, state, sources: origins, memory, note }
}
