import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { UserError } from '../errors.ts'
import { findMissing, findModel, isUnfetched, listModels, type Model, unfetched } from '../hub/catalog.ts'

export const modelsFolder = fileURLToPath(new URL('../../models', import.meta.url))

export interface UsableModels {
  /** The names that people may choose from. None of them reveals a path. */
  readonly names: readonly string[]
  /** The model used unless a server or a person chooses another. */
  readonly usual: string
  readonly usualModel: Model
  /** What each says that it knows. */
  readonly knows: Readonly<Record<string, string>>
  /** The name or path that the worker is given for a name. */
  readonly locate: (name: string) => string
}

/**
 * @param given A folder name in `folder`, or a path to a model, with its LoRAs.
 * @param log Called for other models that can't be used, unless they were never downloaded.
 * @throws UserError if the given model can't be used
 */
export async function findUsableModels(
  given: string,
  folder: string,
  log: (line: string) => void,
): Promise<UsableModels> {
  const usualModel = await findModel(given, folder)
  if (await isUnfetched(usualModel)) throw unfetched(usualModel)
  const [fault] = await findMissing(usualModel)
  if (fault) throw damaged(usualModel, fault)
  const isElsewhere = /[/\\]/.test(given)
  const usual = isElsewhere ? usualModel.name : basename(usualModel.folder)

  const names = new Set([usual])
  const others = await listModels(folder).catch((error: unknown) => {
    if (!(error instanceof UserError)) throw error
    log(error.message)
    return []
  })
  for (const model of others) {
    const [missing] = await findMissing(model)
    if (!missing) names.add(basename(model.folder))
    else if (!(await isUnfetched(model))) log(damaged(model, missing).message)
  }
  return {
    names: [...names].sort(),
    usual,
    usualModel,
    knows: knowledgeOf([...others, { ...usualModel, folder: usual }]),
    locate: (name) => (isElsewhere && name === usual ? given : name),
  }
}

/** What the models of a folder say that they know, by name. */
export const readKnowledge = async (folder: string): Promise<UsableModels['knows']> =>
  knowledgeOf(await listModels(folder).catch(() => []))

const knowledgeOf = (models: readonly Model[]): UsableModels['knows'] =>
  Object.fromEntries(models.flatMap(({ folder, knows }) => (knows ? [[basename(folder), knows]] : [])))

export const damaged = ({ name }: Model, fault: string): UserError =>
  new UserError(`The model “${name}” is damaged: ${fault}. Download it again.`)
