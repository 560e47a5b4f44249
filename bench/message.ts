/**
 * Draws a result message as Discord shows it: the unchanged bot answers `/analogy` on a loopback Discord, and what it posted
 * (text, pictures, buttons) is drawn into examples/message.png: `npx node bench/message.ts [EXAMPLE]`
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { galleryOf, type Message, startLoopback, textOf, token, until } from '../test/loopback/discord.ts'
import { startProcess } from '../test/loopback/process.ts'
import { flatten } from '../test/loopback/rules.ts'
import { uploadExample } from '../test/loopback/storm.ts'

const WIDTH = 560
const CELL = 230
const LEFT = 72

const folder = mkdtempSync(join(tmpdir(), 'isto-'))
const discord = await startLoopback()
const bot = startProcess({
  DISCORD_TOKEN: token,
  DISCORD_API_URL: discord.apiUrl,
  ATTACHMENT_HOSTS: discord.origin,
  DATA_DIR: folder,
})
try {
  await until(() => bot.output().includes('Ready after'), `the bot: ${bot.output()}`, 120_000)
  const { message } = await answered(process.argv[2] ?? '01-teal-background')
  await draw(message!, join(import.meta.dirname, '../examples/message.png'))
} finally {
  bot.child.kill('SIGKILL')
  await bot.ended
  await discord.close()
  rmSync(folder, { recursive: true })
}

async function answered(example: string) {
  const sent = discord.slash('analogy', { ...uploadExample(discord, example), seed: 0 })
  const isDone = () => sent.message && galleryOf(sent.message).some(({ name }) => name === 'b2.png')
  await until(isDone, 'the result', 240_000)
  return sent
}

async function draw(message: Message, path: string): Promise<void> {
  const [title = '', ...lines] = textOf(message).split('\n')
  const small = lines.map((line) => line.replace(/^-# /, ''))
  const top = 66 + small.length * 18
  const pictures = galleryOf(message).map(({ name }) => message.files.find((file) => file.name === name)!.bytes)
  const tiles = await Promise.all(
    pictures.map(async (bytes, index) => ({
      input: await sharp(bytes).resize(CELL, CELL, { fit: 'cover' }).png().toBuffer(),
      left: LEFT + (index % 2) * (CELL + 4),
      top: top + Math.floor(index / 2) * (CELL + 4),
    })),
  )
  const rows = message.components.filter(({ type }) => type === 1)
  const buttonsTop = top + Math.ceil(pictures.length / 2) * (CELL + 4) + 10
  const height = buttonsTop + rows.length * 40 + 8
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" font-family="DejaVu Sans, sans-serif">
    <rect width="100%" height="100%" fill="#313338"/>
    <circle cx="36" cy="34" r="20" fill="#5865f2"/>
    <text x="36" y="42" font-size="22" fill="#fff" text-anchor="middle">∷</text>
    <text x="${LEFT}" y="26" font-size="15" fill="#fff" font-weight="bold">isto</text>
    <rect x="108" y="13" width="36" height="16" rx="3" fill="#5865f2"/>
    <text x="126" y="25" font-size="10" fill="#fff" text-anchor="middle">APP</text>
    <text x="${LEFT}" y="48" font-size="14" fill="#dbdee1">${marked(title)}</text>
    ${small.map((line, index) => `<text x="${LEFT}" y="${66 + index * 18}" font-size="11" fill="#949ba4">${marked(line)}</text>`).join('')}
    ${rows.map((row, index) => buttonsOf(row, buttonsTop + index * 40)).join('')}
  </svg>`
  await sharp(Buffer.from(svg)).composite(tiles).png({ palette: true }).toFile(path)
}

function buttonsOf(row: Message['components'][number], top: number): string {
  let left = LEFT
  return flatten(row.components ?? [])
    .map(({ label = '', style }) => {
      const width = 20 + label.length * 7.4
      const fill = { 1: '#5865f2', 4: '#da373c' }[style ?? 2] ?? '#4e5058'
      const drawn = `<rect x="${left}" y="${top}" width="${width}" height="32" rx="6" fill="${fill}"/>
        <text x="${left + width / 2}" y="${top + 21}" font-size="12" fill="#fff" text-anchor="middle">${escaped(label)}</text>`
      left += width + 8
      return drawn
    })
    .join('')
}

/** Bold, marked as in Discord. */
function marked(text: string): string {
  return escaped(text).replace(/\*\*(.+?)\*\*/g, '<tspan font-weight="bold" fill="#fff">$1</tspan>')
}

function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;')
}
