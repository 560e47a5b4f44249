import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'

// node test/run.ts unit|slow: the tests that take less than about a second each, or the others.

/** They start processes, speak to the small Discord, compute with whole networks, or try thousands of broken files. */
const slow = [
  'test/main.test.ts',
  'test/cli.test.ts',
  'test/{commands,exact,fuzz,jobs,loopback,networks,worker}/**/*.test.ts',
  'test/discord/*.test.ts',
  'test/discord/delivery/*.test.ts',
  'test/discord/gateway/gateway-status.test.ts',
  'test/hub/pull*.test.ts',
  'test/store/{disk,postgres}.test.ts',
  'test/autodiff/{exports,rematerialize,rules-adjoint}.test.ts',
  'test/compute/half-precision.test.ts',
  'test/architectures/*.test.ts',
  'test/exact/exact.test.ts',
  'test/checkpoints/*.test.ts',
]

const [kind] = process.argv.slice(2)
assert.ok(kind === 'unit' || kind === 'slow', 'Say which tests: unit or slow.')
for (const pattern of slow) assert.ok(globSync(pattern).length > 0, `${pattern} matches no test.`)
const slowFiles = new Set(globSync(slow))
const files = globSync('test/**/*.test.ts').filter((file) => slowFiles.has(file) === (kind === 'slow'))
const { status } = spawnSync(process.execPath, ['--test', ...files.sort()], { stdio: 'inherit' })
process.exitCode = status ?? 1
