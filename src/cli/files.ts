import { access, constants, open, rename, stat, unlink } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import { UserError } from '../errors.ts'
import { LARGEST_PICTURE_BYTES } from '../limits.ts'

const LARGEST_BYTES = { picture: LARGEST_PICTURE_BYTES, difference: 64 * 2 ** 20 }

/** Endings that would be mistaken for another type of file. */
const OTHER_ENDINGS = /\.(png|jpe?g|webp|gif|avif|tiff?|bmp|svg|safetensors|pt|bin|ckpt)$/i

export interface Output {
  readonly path: string
  readonly bytes: Uint8Array
}

/**
 * @param option Names the file in the sentence ("--a").
 * @throws UserError when there is no such file, it is too large, or it cannot be read.
 */
export async function readInput(path: string, option: string, kind: keyof typeof LARGEST_BYTES): Promise<Uint8Array> {
  const named = `\`${path}\` (${option})`
  try {
    // A pipe or a device could be endless.
    const info = await stat(path)
    if (info.isDirectory()) throw new UserError(`${named} is a folder: give a file.`)
    if (!info.isFile()) throw new UserError(`${named} is not a regular file.`)
    const limit = LARGEST_BYTES[kind]
    if (info.size > limit) throw new UserError(`${named} is larger than ${limit / 2 ** 20} MB: make it smaller.`)
    if (info.size === 0) throw new UserError(`${named} is empty: give another file.`)
    await using file = await open(path)
    return await file.readFile()
  } catch (cause) {
    if (cause instanceof UserError) throw cause
    throw new UserError(`${named} ${reading(cause)}.`, {}, { cause })
  }
}

/**
 * Fails before the work rather than after it.
 *
 * @returns `path`
 * @throws UserError if the file can't be written, or its name says that it is something other than `ending`
 */
export async function checkOutput(path: string, option: string, ending: string): Promise<string> {
  const named = `\`${path}\` (${option})`
  if (OTHER_ENDINGS.test(path) && extname(path).toLowerCase() !== ending) {
    throw new UserError(`${named} would be a ${ending.slice(1)} file whatever its name: use the ending ${ending}.`)
  }
  const existing = await stat(path).catch(() => undefined)
  if (existing?.isDirectory()) throw new UserError(`${named} is a folder: give the name of a file in it.`)
  if (existing && !existing.isFile()) throw new UserError(`${named} is not a regular file.`)
  const folder = await stat(dirname(path)).catch(() => undefined)
  if (!folder?.isDirectory())
    throw new UserError(`${named} cannot be written: there is no folder \`${dirname(path)}\`.`)
  try {
    await access(dirname(path), constants.W_OK)
  } catch (cause) {
    throw new UserError(`${named} cannot be written: you may not write to \`${dirname(path)}\`.`, {}, { cause })
  }
  return path
}

/** Writes all of them or none, each completely or not at all. @throws UserError if one can't be written */
export async function writeOutputs(outputs: readonly Output[]): Promise<void> {
  const written: { readonly temporary: string; readonly path: string }[] = []
  try {
    for (const { path, bytes } of outputs) {
      const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`)
      await using file = await open(temporary, 'wx')
      written.push({ temporary, path })
      await file.writeFile(bytes)
    }
    for (const { temporary, path } of written) await rename(temporary, path)
  } catch (cause) {
    await Promise.allSettled(written.map(({ temporary }) => unlink(temporary)))
    const paths = outputs.map(({ path }) => `\`${path}\``).join(' and ')
    throw new UserError(`${paths} could not be written (${codeOf(cause)}): choose another place.`, {}, { cause })
  }
}

function reading(error: unknown): string {
  const code = codeOf(error)
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'does not exist: check the path'
  if (code === 'EACCES' || code === 'EPERM') return 'may not be read by you: check its permissions'
  return `cannot be read (${code})`
}

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code ?? String(error)
