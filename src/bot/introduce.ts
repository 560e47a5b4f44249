import { totalmem } from 'node:os'
import { isUnfetched, listModels, type Model } from '../hub/catalog.ts'

/**
 * What an admin should know of the model in use, a line each: what it is for, and which others this machine has the memory
 * for but were not downloaded.
 *
 * @param folder The models' folder.
 * @param memoryBytes Of the machine.
 */
export async function introduce(model: Model, folder: string, memoryBytes = totalmem()): Promise<readonly string[]> {
  const { name, knows } = model
  const inUse = `The model “${name}” is in use${knows ? `: it knows ${knows}` : ''}.`
  const others = await listModels(folder).catch(() => [])
  const fitting: string[] = []
  for (const other of others) {
    const needed = gigabytesOf(other)
    const fits = needed !== undefined && needed * 1e9 < ROOM * memoryBytes
    if (fits && other.knows && (await isUnfetched(other))) fitting.push(other.name)
  }
  if (fitting.length === 0) return [inUse]
  const [first] = fitting
  return [
    inUse,
    `For photographs this machine has memory enough for ${fitting.join(', ')}: \`npm run --silent isto -- models pull ${first}\`, then MODEL=${first} in \`.env\`.`,
  ]
}

/** The system and the bot need the rest. */
const ROOM = 0.8

/** The first number of gigabytes that its manifest names. */
function gigabytesOf({ memory = '' }: Model): number | undefined {
  const [, number] = /(\d+(?:\.\d+)?) GB/.exec(memory) ?? []
  return number === undefined ? undefined : Number(number)
}
