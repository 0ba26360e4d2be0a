import type { ProgressEvent } from '../lib/progress.ts'
import { type AnySlice, rowsName, sliceName } from '../lib/slices.ts'
import { counted } from './counted.ts'

/** How far the work on a table has come. */
interface Tidying {
  readonly table: string
  readonly days: number
  daysDone: number
  rows: number
}

/** The progress of a run, as lines of a display. Times are milliseconds of one clock. */
export class ProgressLines {
  readonly #startedAt: number
  #slices = 0
  #unit = 'slices'
  #loaded = 0
  #rows = 0
  #requestsLeft = Number.POSITIVE_INFINITY
  #downloading = ''
  /** Slices whose requests were sent before their turn. */
  readonly #requested: AnySlice[] = []
  #loading = ''
  #importing = ''
  #tidying: Tidying | undefined

  constructor(startedAt: number) {
    this.#startedAt = startedAt
  }

  /** Updates the display. Returns false for an event that should get a permanent line instead. */
  take(event: ProgressEvent): boolean {
    switch (event.kind) {
      case 'run-planned':
        this.#slices = event.sliceCount
        this.#unit = event.unit
        this.#requestsLeft = event.requestsLeft
        return true
      case 'slice-requested':
        this.#requestsLeft--
        this.#requested.push(event.slice)
        return true
      case 'slice-started':
        if (!this.#isRequested(event.slice)) this.#requestsLeft--
        this.#downloading = `${rowsName(event.stream, event.slice)}: ${'file' in event.slice ? 'reading' : 'requested'}`
        return true
      case 'slice-progress':
        this.#downloading = `${rowsName(event.stream, event.slice)}: ${amountOf(event)}`
        return true
      case 'slice-loading':
        this.#loading = `${rowsName(event.table, event.slice)}: loading`
        return true
      case 'slice-loaded':
        this.#rows += event.record.rowCount
        // The stream's own table is the last of its tables.
        if (event.table === event.stream) this.#loaded++
        this.#loading = ''
        return false
      case 'slice-split':
        this.#slices += event.into.length - 1
        return false
      case 'slice-already-loaded':
        this.#slices--
        return true
      case 'retry':
        this.#requestsLeft--
        return false
      case 'import-progress': {
        const rate = Math.round(event.events / Math.max(0.001, event.seconds))
        this.#importing = `${count(event.events)} events, ${count(rate)} events/s, ${count(event.rejected)} refused`
        return true
      }
      case 'tidy-started':
        this.#tidying = { table: event.table, days: event.days, daysDone: 0, rows: 0 }
        return true
      case 'day-tidied':
        if (this.#tidying !== undefined) {
          this.#tidying.daysDone++
          this.#tidying.rows += event.rows
        }
        return true
      default:
        return false
    }
  }

  /** `prefix`: what the line with the totals begins with. */
  lines(now: number, prefix = ''): readonly string[] {
    if (this.#importing !== '') return [this.#importing]
    if (this.#tidying !== undefined) return [tidyingSentence(this.#tidying)]
    const seconds = Math.max(0.001, (now - this.#startedAt) / 1000)
    const toGo = this.#loaded === 0 ? undefined : (seconds / this.#loaded) * (this.#slices - this.#loaded)
    const total = [
      `${this.#loaded} of ${this.#slices} ${this.#unit}`,
      `${count(this.#rows)} rows`,
      `${count(Math.round(this.#rows / seconds))} rows/s`,
      ...(toGo === undefined ? [] : [`about ${duration(toGo)} to go`]),
    ]
    return [
      this.#downloading,
      this.#requestedSentence(),
      this.#loading,
      prefix + total.join(', ') + requestsInWords(Math.max(0, this.#requestsLeft)),
    ].filter((line) => line !== '')
  }

  /** Whether a slice was requested before its turn, which is now. */
  #isRequested(slice: AnySlice): boolean {
    const at = this.#requested.findIndex((requested) => sliceName(requested) === sliceName(slice))
    if (at >= 0) this.#requested.splice(at, 1)
    return at >= 0
  }

  #requestedSentence(): string {
    const last = this.#requested.at(-1)
    return last === undefined ? '' : `${this.#requested.length} more requested, up to ${sliceName(last)}`
  }
}

/** `, N requests left this hour`; empty if there is no limit. */
export function requestsInWords(left: number): string {
  return Number.isFinite(left) ? `, ${left} requests left this hour` : ''
}

function tidyingSentence({ table, days, daysDone, rows }: Tidying): string {
  return `${table}: ${daysDone} of ${counted(days, 'day')} tidied, ${count(rows)} rows removed`
}

/** How far a slice has come, such as `4,321 rows, 2.5 MB, 3 requests`. */
function amountOf({ rows, bytes, requests }: Extract<ProgressEvent, { kind: 'slice-progress' }>): string {
  const sent = requests > 1 ? [`${count(requests)} requests`] : []
  return [`${count(rows)} rows`, `${(bytes / 1e6).toFixed(1)} MB`, ...sent].join(', ')
}

function count(value: number): string {
  return value.toLocaleString('en')
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`
}
