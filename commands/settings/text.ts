import type { Services } from '../../src/discord/interaction/command.ts'
import type { Say } from '../../src/discord/language/say.ts'
import { code } from '../../src/discord/message/code.ts'
import { round } from '../../src/discord/message/result.ts'
import type { ServerSettings } from '../../src/store/settings.ts'

/** All settings as text, one line each. */
export function textOf(say: Say, settings: ServerSettings, models: Services['models']): string {
  const { strength, savers, channels, personLimit, ageRestrictedOnly, keepPairs, limit } = settings
  const { roleLimits, blocked, auditChannel } = settings
  const usual = strength === undefined ? undefined : round(strength)
  return [
    `**${say('How I work on this server')}**`,
    modelOf(say, settings, models),
    usual === undefined
      ? say('Strength: chosen for each difference, unless asked otherwise.')
      : say('Strength: {strength}, unless asked otherwise.', { strength: usual }),
    savers === 'everyone'
      ? say('Saving, renaming and deleting differences: everyone, their own.')
      : say('Saving, renaming and deleting differences: only those who manage this server.'),
    say('Saved differences: at most {limit}.', { limit }),
    channels.length === 0
      ? say('Channels: all.')
      : say('Channels: {channels}.', { channels: channels.map((id) => `<#${id}>`).join(', ') }),
    ageRestrictedOnly ? say('Age-restricted channels only: yes.') : say('Age-restricted channels only: no.'),
    say('Jobs of one person at a time: at most {limit}.', { limit: personLimit }),
    ...Object.entries(roleLimits).map(([role, limit]) =>
      say('Jobs of one member of {role} at a time: at most {limit}.', { role: `<@&${role}>`, limit }),
    ),
    ...(blocked.length > 0
      ? [
          say('Blocked: {people}.', {
            people: blocked
              .slice(0, 50)
              .map((id) => `<@${id}>`)
              .join(', '),
          }),
        ]
      : []),
    auditChannel === undefined
      ? say('Jobs are noted in: no channel.')
      : say('Jobs are noted in: {channel}.', { channel: `<#${auditChannel}>` }),
    keepPairs
      ? say('Pictures that a saved difference was learned from: kept, so that it can be learned again.')
      : say('Pictures that a saved difference was learned from: not kept.'),
    `-# ${say('`/settings change`, `/settings channels`, `/settings role-limit`, `/settings audit`, `/settings block` and `/settings reset` change them.')}`,
  ].join('\n')
}

function modelOf(say: Say, { model }: ServerSettings, { names, usual }: Services['models']): string {
  if (model === undefined) return say('Model: {model}, the default, unless asked otherwise.', { model: code(usual) })
  return names.includes(model)
    ? say('Model: {model}, unless asked otherwise.', { model: code(model) })
    : say('Model: {model}, which is no longer here.', { model: code(model) })
}
