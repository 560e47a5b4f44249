import { SlashCommandSubcommandBuilder } from 'discord.js'
import { bold, savedNamed } from '../../src/discord/actions/saved.ts'
import type { Call } from '../../src/discord/interaction/command.ts'
import type { Subcommand } from '../../src/discord/interaction/subcommands.ts'
import { code } from '../../src/discord/message/code.ts'
import { filePost } from '../../src/discord/message/parts.ts'
import { nameOption } from './name-option.ts'

export const exportDifference = {
  data: new SlashCommandSubcommandBuilder()
    .setName('export')
    .setDescription('Get a difference as a file that other programs and servers can load')
    .addStringOption(nameOption),

  execute: (call) => exportOne(call, call.interaction.options.getString('name', true)),

  actions: {
    'export-diff': (call) => exportOne(call, call.argument),
  },
} satisfies Subcommand

async function exportOne(call: Call, given: string): Promise<void> {
  const { reply, say } = call
  await reply.think()
  const { name, bytes, facts } = await savedNamed(call, given)
  const text = say(
    '{name}, for the model {model}. `/diffs import` reads it, and programs for that model load it as a textual inversion.',
    { name: bold(name), model: code(facts.model) },
  )
  const alt = say('The difference {name}', { name })
  await reply.whisper(filePost(text, { name: `${fileStem(name)}.safetensors`, bytes, alt }))
}

/** The characters of a name that are valid in every file system and in Discord's addresses of files. */
export function fileStem(name: string): string {
  const plain = name.normalize('NFKD').replaceAll(/\p{M}/gu, '')
  return plain.replaceAll(/[^a-z0-9_-]+/gi, '-').replaceAll(/^-+|-+$/g, '') || 'difference'
}
