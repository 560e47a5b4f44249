import type { Services } from '../../src/discord/interaction/command.ts'
import { code } from '../../src/discord/message/code.ts'
import { round } from '../../src/discord/message/result.ts'
import type { ServerSettings } from '../../src/store/settings.ts'

/** All settings as text, one line each. */
export function textOf(settings: ServerSettings, models: Services['models']): string {
  const { strength, savers, channels, personLimit, ageRestrictedOnly, keepPairs, limit } = settings
  const { roleLimits, blocked, auditChannel } = settings
  return [
    '**How I work on this server**',
    `Model: ${modelOf(settings, models)}.`,
    `Strength: ${strength === undefined ? 'chosen for each difference' : round(strength)}, unless asked otherwise.`,
    `Saving, renaming and deleting differences: ${savers === 'everyone' ? 'everyone, their own' : 'only those who manage this server'}.`,
    `Saved differences: at most ${limit}.`,
    `Channels: ${channels.length === 0 ? 'all' : channels.map((id) => `<#${id}>`).join(', ')}.`,
    `Age-restricted channels only: ${ageRestrictedOnly ? 'yes' : 'no'}.`,
    `Jobs of one person at a time: at most ${personLimit}.`,
    ...Object.entries(roleLimits).map(
      ([role, jobs]) => `Jobs of one member of <@&${role}> at a time: at most ${jobs}.`,
    ),
    ...(blocked.length > 0
      ? [
          `Blocked: ${blocked
            .slice(0, 50)
            .map((id) => `<@${id}>`)
            .join(', ')}.`,
        ]
      : []),
    `Jobs are noted in: ${auditChannel === undefined ? 'no channel' : `<#${auditChannel}>`}.`,
    `Pictures that a saved difference was learned from: ${keepPairs ? 'kept, so that it can be learned again' : 'not kept'}.`,
    '-# `/settings change`, `/settings channels` and `/settings reset` change them.',
  ].join('\n')
}

function modelOf({ model }: ServerSettings, { names, usual }: Services['models']): string {
  if (model === undefined) return `${code(usual)}, the default, unless asked otherwise`
  const isThere = names.includes(model)
  return isThere ? `${code(model)}, unless asked otherwise` : `${code(model)}, which is no longer here`
}
