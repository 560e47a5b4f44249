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
}

const devices = ['auto', 'cuda', 'directml', 'coreml', 'webgpu', 'cpu'] as const
const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const

/** Environment variables override `.env` in the working directory. @throws UserError that names the setting */
export function readConfig(environment: NodeJS.ProcessEnv = fromProcess()): Config {
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
    device: oneOf('DEVICE', devices, setting('DEVICE') ?? 'auto'),
    logLevel: oneOf('LOG_LEVEL', logLevels, setting('LOG_LEVEL') ?? 'info'),
    hubUrl: webAddress('HF_ENDPOINT', setting('HF_ENDPOINT') ?? 'https://huggingface.co'),
    hubToken: setting('HF_TOKEN'),
    health: health(setting('HEALTH_PORT'), setting('HEALTH_HOST') ?? '127.0.0.1'),
  }
}

function fromProcess(): NodeJS.ProcessEnv {
  loadEnvFile({ quiet: true })
  const environment = { ...process.env }
  // The worker inherits the environment. It needs no tokens, and ONNX Runtime must not send telemetry.
  delete process.env.DISCORD_TOKEN
  delete process.env.HF_TOKEN
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

/** Port 0 takes any free port. */
function health(port: string | undefined, host: string): Config['health'] {
  if (port === undefined) return undefined
  if (/^\d{1,5}$/.test(port) && Number(port) < 65_536) return { port: Number(port), host }
  throw new UserError(`Expected \`HEALTH_PORT\` to be a port (0 to 65535), got \`${port}\`.`)
}
