import { readFile } from 'node:fs/promises'
import { UserError } from '../errors.ts'

/** The content of a file; `undefined` if there is none. @throws UserError if it is damaged */
export async function readJson<Value>(path: string): Promise<Value | undefined> {
  const text = await readFile(path, 'utf8').catch((error) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw error
  })
  if (text === undefined) return undefined
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new UserError(`${path} is damaged: download the model again.`, {}, { cause })
  }
}
