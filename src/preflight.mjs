// Run by `npm start` before main.ts, on any version of Node: one that can't read TypeScript would only print a stack
// trace.
import { existsSync } from 'node:fs'

const major = Number(process.versions.node.split('.')[0])
const isInstalled = existsSync(new URL('../node_modules/discord.js/package.json', import.meta.url))

if (!isInstalled) refuse('isto is not installed yet: run `npm ci` first. It also installs the right version of Node.')
else if (major < 24) {
  refuse(`isto needs Node 24, and this is Node ${process.versions.node}: run \`npm ci\` again, which installs it.`)
}

function refuse(sentence) {
  console.error(sentence)
  process.exitCode = 2
}
