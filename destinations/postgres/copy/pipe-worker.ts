/** The thread of {@link ./pipe-reader.ts}: reads one pipe after the other, in large blocks. */
import { Socket } from 'node:net'
import { parentPort } from 'node:worker_threads'
import type { FromPipeWorker, ToPipeWorker } from './pipe-reader.ts'

const port = parentPort
if (port === null) throw new TypeError('pipe-worker.ts is the file of a thread')

/** A pipe, and the bytes of it that are not yet a whole block. */
class Reading {
  readonly #id: number
  readonly #socket: Socket
  readonly #blockBytes: number
  #block: Buffer<ArrayBuffer>
  #used = 0
  #credit = 0

  constructor(id: number, fd: number, blockBytes: number) {
    this.#id = id
    this.#blockBytes = blockBytes
    this.#block = Buffer.allocUnsafeSlow(blockBytes)
    this.#socket = new Socket({ fd, readable: true, writable: false })
    this.#socket.on('data', (data: Buffer) => this.#gather(data))
    this.#socket.on('end', () => {
      if (this.#used > 0) this.#hand()
      send({ kind: 'end', id })
    })
    this.#socket.on('error', ({ message }) => send({ kind: 'failed', id, message }))
    this.#socket.pause()
  }

  /** Reads one more block. */
  more(): void {
    this.#credit++
    this.#socket.resume()
  }

  close(): void {
    this.#socket.destroy()
  }

  #gather(data: Buffer): void {
    for (let at = 0; at < data.length; ) {
      const length = data.copy(this.#block, this.#used, at)
      at += length
      this.#used += length
      if (this.#used === this.#blockBytes) this.#hand()
    }
    if (this.#credit <= 0) this.#socket.pause()
  }

  #hand(): void {
    const { buffer } = this.#block
    send({ kind: 'block', id: this.#id, buffer, length: this.#used }, [buffer])
    this.#block = Buffer.allocUnsafeSlow(this.#blockBytes)
    this.#used = 0
    this.#credit--
  }
}

let reading: Reading | undefined

function send(message: FromPipeWorker, transfer: readonly ArrayBuffer[] = []): void {
  port?.postMessage(message, [...transfer])
}

port.on('message', (message: ToPipeWorker) => {
  if (message.kind === 'start') reading = new Reading(message.id, message.fd, message.blockBytes)
  if (message.kind === 'more') reading?.more()
  if (message.kind === 'close') reading?.close()
})
