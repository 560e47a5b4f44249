import assert from 'node:assert/strict'
import { test } from 'node:test'
import { enlarge } from '../../src/engine/enlarge.ts'
import { enlargeGuided } from '../../src/engine/guided-enlarging.ts'
import { meanSquare } from '../../src/tensor/math.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'

const SMALL = 32
const LARGE = 256
const area = { left: 0, top: 0, width: SMALL, height: SMALL }

/** [3, side, side]: `inside` within a disc around the middle, `outside` around it, its edge as smooth as `side` allows. */
function disc(side: number, radius: number, inside: readonly number[], outside: readonly number[]): Tensor {
  const picture = tensor([3, side, side])
  for (const at of picture.data.keys()) {
    const [x, y] = [at % side, Math.floor(at / side) % side]
    const distance = radius * side - Math.hypot(x + 0.5 - side / 2, y + 0.5 - side / 2)
    const share = Math.min(1, Math.max(0, distance + 0.5))
    const channel = Math.floor(at / side ** 2)
    picture.data[at] = share * inside[channel]! + (1 - share) * outside[channel]!
  }
  return picture
}

const error = (made: Tensor, truth: Tensor) => Math.sqrt(meanSquare(made, truth))
const [white, blue, red] = [
  [1, 1, 1],
  [-1, -1, 1],
  [1, -0.8, -0.8],
]

test('a thing that got another colour has the edges of the large picture', () => {
  const [guide, truth] = [disc(LARGE, 0.3, blue, white), disc(LARGE, 0.3, red, white)]
  const made = disc(SMALL, 0.3, red, white)
  const guided = enlargeGuided(made, disc(SMALL, 0.3, blue, white), guide, area)
  assert.deepEqual(guided.dims, guide.dims)
  const bicubic = enlarge(made, area, { width: LARGE, height: LARGE }, 'cubic')
  assert.ok(error(guided, truth) < 0.5 * error(bicubic, truth), `${error(guided, truth)}, ${error(bicubic, truth)}`)
})

test('where edges are new or gone, it is no worse than bicubic', () => {
  const [guide, truth] = [disc(LARGE, 0.3, blue, white), disc(LARGE, 0.2, red, white)]
  const made = disc(SMALL, 0.2, red, white)
  const guided = enlargeGuided(made, disc(SMALL, 0.3, blue, white), guide, area)
  const bicubic = enlarge(made, area, { width: LARGE, height: LARGE }, 'cubic')
  assert.ok(error(guided, truth) < 1.02 * error(bicubic, truth), `${error(guided, truth)}, ${error(bicubic, truth)}`)
})

test('enlarged a little, it keeps what the model made', () => {
  const made = disc(SMALL, 0.3, red, white)
  const guide = disc(2 * SMALL, 0.3, blue, white)
  const bicubic = enlarge(made, area, { width: 2 * SMALL, height: 2 * SMALL }, 'cubic')
  assert.deepEqual(enlargeGuided(made, disc(SMALL, 0.3, blue, white), guide, area), bicubic)
})
