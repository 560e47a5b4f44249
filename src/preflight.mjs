// Run by `npm start` before main.ts, by whatever Node there is: one that can't read TypeScript would only show a stack.
import { existsSync } from 'node:fs'

const major = Number(process.versions.node.split('.')[0])
const isInstalled = existsSync(new URL('../node_modules/discord.js/package.json', import.meta.url))

if (!isInstalled) refuse('isto is not installed yet: run `npm ci` first. It brings the right Node along, too.')
else if (major < 24) {
  refuse(`isto needs Node 24, and this is Node ${process.versions.node}: run \`npm ci\` again, which brings it along.`)
}

function refuse(sentence) {
  console.error(sentence)
  process.exitCode = 2
}
