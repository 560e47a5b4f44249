import { SlashCommandSubcommandBuilder } from 'discord.js'
import { checkNewName, longestName } from '../../src/discord/actions/saved.ts'
import { checkAttachment, differenceFile } from '../../src/discord/interaction/attachments.ts'
import { modelNamed } from '../../src/discord/interaction/options.ts'
import type { Subcommand } from '../../src/discord/interaction/subcommands.ts'
import { addWhereOption, wantedLibrary } from '../../src/discord/interaction/where.ts'
import { UserError } from '../../src/errors.ts'
import { sentence } from '../../src/sentence.ts'
import { checkName } from '../../src/store/names.ts'

export const importDifference = {
  data: addWhereOption(
    new SlashCommandSubcommandBuilder()
      .setName('import')
      .setDescription('Save a difference from a file: an exported one, or a textual inversion')
      .addAttachmentOption((option) =>
        option.setName('file').setDescription('A file that ends in .safetensors').setRequired(true),
      )
      .addStringOption((option) =>
        option.setName('name').setDescription('What to call it').setMaxLength(longestName).setRequired(true),
      )
      .addStringOption((option) =>
        option.setName('model').setDescription('Which model it is for').setAutocomplete(true).setMaxLength(100),
      ),
  ),

  async execute(call) {
    const { interaction, reply, models, fetchAttachment, place } = call
    const { options } = interaction
    const file = options.getAttachment('file', true)
    if (/\.(pt|pth|bin|ckpt)$/i.test(file.name)) {
      throw new UserError(
        'The file is a PyTorch file, which may hold a program and is never opened here; please get it as `.safetensors`, or convert it if you trust its maker.',
      )
    }
    checkAttachment(sentence('The file'), file, differenceFile)
    const name = checkName(options.getString('name', true))
    const library = wantedLibrary(call)
    const settings = await checkNewName(call, name, library)
    const model = modelNamed(options.getString('model') ?? settings.model ?? models.usual, models)
    await reply.open({ isPrivate: true })
    const bytes = await fetchAttachment(sentence('The file'), file, differenceFile)
    await place(
      { kind: 'inspect', bytes, isDrawn: true, options: { model, mode: 'fast', seed: 0 } },
      { type: 'save', name, how: 'imported', replace: false, library },
    )
  },
} satisfies Subcommand
