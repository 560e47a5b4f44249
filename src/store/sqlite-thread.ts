import { parentPort, workerData } from 'node:worker_threads'
import { buffersIn } from './buffers.ts'
import type { Answer, Request } from './database.ts'
import { failureOf } from './failures.ts'
import { openSqlite, type Sqlite } from './sqlite.ts'

// The thread that owns the file. It answers in the order of the requests; answer 0 says that the file is open.

const port = parentPort!
let sqlite: Sqlite | undefined

answer(0, () => {
  sqlite = openSqlite(String(workerData))
})
if (sqlite) listen(sqlite)

type Operations = { readonly [Name in keyof Sqlite]: (...given: Parameters<Sqlite[Name]>) => ReturnType<Sqlite[Name]> }

function listen(operations: Operations): void {
  const perform = <Name extends keyof Sqlite>({ name, given }: Request<Name>) => operations[name](...given)
  port.on('message', (request: Request) => {
    answer(request.id, () => perform(request))
    if (request.name === 'close') port.close()
  })
}

function answer(id: number, work: () => unknown): void {
  let reply: Answer
  try {
    reply = { id, result: work() }
  } catch (error) {
    reply = { id, failure: failureOf(error) }
  }
  port.postMessage(reply, buffersIn(reply.result))
}
