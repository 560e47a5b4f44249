import { downloadFile, listFiles, modelInfo } from '@huggingface/hub'
import { UserError } from '../errors.ts'
import type { ModelFile } from './files.ts'
import { patientFetch, type Wait } from './retry.ts'

/** Hugging Face's hub, or a mirror of it. */
export interface Hub {
  /** What a branch, tag or commit contains right now. @throws UserError */
  look(repository: string, revision: string, signal: AbortSignal): Promise<Snapshot>
  /**
   * The content from byte `from` on.
   *
   * @param onAnswer Called when the server begins to answer, after all pauses it asked for.
   * @throws UserError if it is refused; another error if the connection breaks
   */
  read(file: RemoteFile, from: number, signal: AbortSignal, onAnswer?: () => void): AsyncIterable<Uint8Array>
}

export interface Snapshot {
  readonly commit: string
  /** As its makers' page says, such as `openrail++`. */
  readonly licence?: string
  readonly files: readonly ModelFile[]
}

export interface RemoteFile extends ModelFile {
  readonly repository: string
  readonly commit: string
}

interface HubOptions {
  /** Without a `/` at the end. */
  readonly url: string
  readonly token?: string
  readonly wait: Wait
}

/** Compressed or partial answers are of no use here. */
export class NoRangeError extends UserError {}

export function openHub({ url, token, wait }: HubOptions): Hub {
  const { host } = new URL(url)
  if (token !== undefined && !/^hf_\w+$/.test(token)) {
    throw new UserError(`Expected \`HF_TOKEN\` to begin with \`hf_\`: copy it from ${url}/settings/tokens.`)
  }
  const patient = patientFetch(host, wait)
  const access = { hubUrl: url, ...(token && { accessToken: token }) }

  /** For one repository. Every failure becomes a sentence. */
  const fetchOf =
    (repository: string, signal: AbortSignal): typeof fetch =>
    async (input, init) => {
      const response = await patient(input, { ...init, signal })
      if (response.ok) return response
      await response.body?.cancel()
      throw refusal(response, { url, host, repository, hasToken: token !== undefined })
    }

  return {
    look: async (repository, revision, signal) => {
      const fetch = fetchOf(repository, signal)
      const additionalFields = ['sha', 'tags'] as const
      const { sha, tags } = await modelInfo({
        name: repository,
        revision,
        additionalFields: [...additionalFields],
        fetch,
        ...access,
      })
      const licence = tags?.find((tag) => tag.startsWith('license:'))?.slice('license:'.length)
      const files: ModelFile[] = []
      for await (const entry of listFiles({ repo: repository, revision: sha, recursive: true, fetch, ...access })) {
        if (entry.type !== 'file') continue
        const checksum = entry.lfs ? { sha256: entry.lfs.oid } : { gitOid: entry.oid }
        files.push({ path: entry.path, bytes: entry.size, ...checksum })
      }
      return { commit: sha, files, ...(licence && { licence }) }
    },
    async *read({ repository, commit, path, bytes }, from, signal, onAnswer) {
      let refused: unknown
      const watched: typeof fetch = async (input, init) => {
        try {
          const response = await fetchOf(repository, signal)(input, init)
          onAnswer?.()
          if (from > 0 && response.status !== 206) {
            await response.body?.cancel()
            throw new NoRangeError(`${host} sends only whole files: pull again; \`${path}\` starts from the beginning.`)
          }
          return response
        } catch (error) {
          // The blob keeps only the error's message.
          refused = error
          throw error
        }
      }
      const address = `${url}/${repository}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`
      const downloadInfo = { url: address, size: bytes, etag: '' }
      const blob = await downloadFile({ repo: repository, path, fetch: watched, xet: false, downloadInfo, ...access })
      try {
        yield* blob!.slice(from, bytes).stream()
      } catch (error) {
        throw refused ?? error
      }
    },
  }
}

interface Asked {
  readonly url: string
  readonly host: string
  readonly repository: string
  readonly hasToken: boolean
}

function refusal({ status, headers }: Response, { url, host, repository, hasToken }: Asked): UserError {
  const code = headers.get('x-error-code')
  if (code === 'GatedRepo') return mustAccept({ url, repository })
  if (code === 'RevisionNotFound')
    return new UserError(`Revision not found on ${host}: \`${repository}\` may have moved; check the manifest.`)
  if (code === 'EntryNotFound')
    return new UserError(`File not found in \`${repository}\` on ${host}: it may have changed; check the manifest.`)
  if (status === 401 && hasToken) {
    return new UserError(`${host} rejects \`HF_TOKEN\`: make a new one at ${url}/settings/tokens.`)
  }
  if (status === 401 || status === 403) {
    const how = hasToken ? 'give `HF_TOKEN` permission to read it' : 'set `HF_TOKEN` if you have access'
    return new UserError(`\`${repository}\` on ${host} is not open to everyone (${status}): ${how}.`)
  }
  if (status === 404) return new UserError(`There is no \`${repository}\` on ${host} (404): check \`HF_ENDPOINT\`.`)
  return new UserError(`${host} refuses access to \`${repository}\` (${status}).`)
}

export const mustAccept = ({ url, repository }: Pick<Asked, 'url' | 'repository'>): UserError =>
  new UserError(
    `The licence of \`${repository}\` has to be accepted first: do so at ${url}/${repository}, ` +
      `set \`HF_TOKEN\` to a token of yours (${url}/settings/tokens), and pull again.`,
  )
