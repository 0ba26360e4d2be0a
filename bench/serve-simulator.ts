/**
 * `node bench/serve-simulator.ts`: a simulator to send to. Prints `{"url":…}` and ends with its
 * standard input.
 */
import { startSimulator } from '../lib/simulator/index.ts'

const simulator = await startSimulator({ token: 'bench' })
process.stdout.write(`${JSON.stringify({ url: simulator.url })}\n`)
process.stdin.resume().on('close', () => void simulator.close())
