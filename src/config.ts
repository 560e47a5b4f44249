import { config as loadEnvFile } from 'dotenv'
import { UserError } from './errors.ts'

/** What a person can set; docs/running.md explains each setting. */
export interface Config {
  readonly token?: string
  readonly applicationId?: string
  /** The base address of Discord's API without the version, such as `https://discord.com/api`. */
  readonly apiUrl: string
  /** Origins that attachments may be fetched from, such as `https://cdn.discordapp.com`. */
  readonly attachmentOrigins: readonly string[]
  readonly dataDirectory: string
  /** A folder name in `models/`, or the path of a model. */
  readonly model: string
  /** The device that models are computed on. */
  readonly device: (typeof devices)[number]
  readonly logLevel: (typeof logLevels)[number]
  /** Where models are downloaded from: Hugging Face's hub, or a mirror of it. */
  readonly hubUrl: string
  readonly hubToken?: string
  /** Where `/healthz` and `/metrics` are served, if at all. */
  readonly health?: { readonly port: number; readonly host: string }
  /** The Postgres that bots and workers share, if there is one: `postgres://user:password@host/database`. */
  readonly databaseUrl?: string
  /** The shards that this process answers, of how many. */
  readonly shards: 'auto' | { readonly ids: readonly number[]; readonly count: number }
  /** Bytes of results that are kept; the oldest go first. */
  readonly resultBytes: { readonly server: number; readonly all: number }
}

const devices = ['auto', 'cuda', 'directml', 'coreml', 'webgpu', 'cpu'] as const
const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const

/**
 * Environment variables override `.env` in the working directory.
 *
 * @param device Overrides `DEVICE`.
 * @throws UserError that names the setting
 */
export function readConfig(environment: NodeJS.ProcessEnv = fromProcess(), device?: string): Config {
  const setting = (name: string) => environment[name]?.trim() || undefined
  return {
    token: setting('DISCORD_TOKEN'),
    applicationId: setting('DISCORD_APP_ID'),
    apiUrl: webAddress('DISCORD_API_URL', setting('DISCORD_API_URL') ?? 'https://discord.com/api'),
    attachmentOrigins: (
      setting('ATTACHMENT_HOSTS') ??
      'cdn.discordapp.com,media.discordapp.net,images-ext-1.discordapp.net,images-ext-2.discordapp.net'
    )
      .split(',')
      .map(origin),
    dataDirectory: setting('DATA_DIR') ?? 'data',
    model: setting('MODEL') ?? 'emoji',
    device: oneOf('DEVICE', devices, oneCard(device ?? setting('DEVICE') ?? 'auto')),
    logLevel: oneOf('LOG_LEVEL', logLevels, setting('LOG_LEVEL') ?? 'info'),
    hubUrl: webAddress('HF_ENDPOINT', setting('HF_ENDPOINT') ?? 'https://huggingface.co'),
    hubToken: setting('HF_TOKEN'),
    health: health(setting('HEALTH_PORT'), setting('HEALTH_HOST') ?? '127.0.0.1'),
    databaseUrl: databaseUrl(setting('DATABASE_URL')),
    shards: shards(setting('SHARDS'), setting('SHARD_COUNT')),
    resultBytes: {
      server: gigabytes('RESULTS_PER_SERVER_GB', setting('RESULTS_PER_SERVER_GB') ?? '2'),
      all: gigabytes('RESULTS_GB', setting('RESULTS_GB') ?? '50'),
    },
  }
}

function fromProcess(): NodeJS.ProcessEnv {
  loadEnvFile({ quiet: true })
  const environment = { ...process.env }
  // The worker inherits the environment. It needs no tokens, and ONNX Runtime must not send telemetry.
  delete process.env.DISCORD_TOKEN
  delete process.env.HF_TOKEN
  delete process.env.DATABASE_URL
  // discord.js would read these, too, and take an empty one for a number.
  delete process.env.SHARDS
  delete process.env.SHARD_COUNT
  process.env.ORT_DISABLE_TELEMETRY = '1'
  // Otherwise NVIDIA's libraries round float32 to 11 bits where a card can; learning needs the precision.
  process.env.NVIDIA_TF32_OVERRIDE ??= '0'
  return environment
}

function webAddress(name: string, value: string): string {
  if (!/^https?:$/.test(URL.parse(value)?.protocol ?? '')) {
    throw new UserError(`Expected \`${name}\` to be a web address, got \`${value}\`.`)
  }
  return value.replace(/\/+$/, '')
}

/** A bare host means https; http must be spelled out. */
function origin(host: string): string {
  const url = URL.parse(host.includes('://') ? host.trim() : `https://${host.trim()}`)
  if (!url || !/^https?:$/.test(url.protocol) || url.pathname !== '/') {
    throw new UserError(`Expected \`ATTACHMENT_HOSTS\` to list hosts, got \`${host.trim()}\`.`)
  }
  return url.origin
}

function oneOf<Value extends string>(name: string, values: readonly Value[], given: string): Value {
  const value = values.find((one) => one === given.toLowerCase())
  if (value) return value
  throw new UserError(`Expected \`${name}\` to be one of ${values.join(', ')}, got \`${given}\`.`)
}

/** `cuda:1` is the second card. The worker, which inherits the environment, then sees no other. */
function oneCard(device: string): string {
  const [, card] = /^cuda:(\d+)$/i.exec(device) ?? []
  if (card === undefined) return device
  process.env.CUDA_VISIBLE_DEVICES = card
  return 'cuda'
}

function databaseUrl(url: string | undefined): string | undefined {
  if (url === undefined || /^postgres(ql)?:\/\//.test(url)) return url
  // It may hold a password, so it is not repeated.
  throw new UserError('Expected `DATABASE_URL` to be like `postgres://user:password@host/database`.')
}

/** `0-3/16`, or a list and a number as discord.js' ShardingManager sets them. */
function shards(given: string | undefined, total: string | undefined): Config['shards'] {
  if (given === undefined) return 'auto'
  const [, first, last = first, count = total] = /^\[?(\d+)(?:-(\d+))?\]?(?:\/(\d+))?$/.exec(given) ?? []
  const [from, to, of] = [Number(first), Number(last), Number(count)]
  if (from <= to && to < of)
    return { ids: Array.from({ length: to - from + 1 }, (_, index) => from + index), count: of }
  throw new UserError(`Expected \`SHARDS\` to be like \`0-3/16\`, got \`${given}\`.`)
}

function gigabytes(name: string, given: string): number {
  const value = Number(given)
  if (value > 0) return value * 1e9
  throw new UserError(`Expected \`${name}\` to be a number of gigabytes, got \`${given}\`.`)
}

/** Port 0 takes any free port. */
function health(port: string | undefined, host: string): Config['health'] {
  if (port === undefined) return undefined
  if (/^\d{1,5}$/.test(port) && Number(port) < 65_536) return { port: Number(port), host }
  throw new UserError(`Expected \`HEALTH_PORT\` to be a port (0 to 65535), got \`${port}\`.`)
}
