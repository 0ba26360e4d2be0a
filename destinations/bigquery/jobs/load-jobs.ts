import type { JsonObject } from '../api/json.ts'
import type { Table, Tables } from '../api/tables.ts'
import type { FileRange } from '../uploads/file-ranges.ts'
import { gzipRanges } from '../uploads/gzip.ts'
import { appendTo, type Job } from './jobs.ts'
import { jobIdOf, type PendingLoad } from './pending-loads.ts'

/** The schema of a table, as jobs have it. */
export function schemaOf({ fields }: Table): unknown {
  return { fields: fields.map(({ resource }) => resource) }
}

/** A job that loads files into a table: it appends them, unless `options` say otherwise. */
export function loadJob(
  tables: Tables,
  pending: PendingLoad,
  purpose: string,
  target: string,
  schema: unknown,
  ranges: readonly FileRange[],
  options: JsonObject = {},
): Job {
  const load = { ...appendTo(tables.reference(target)), schema, ...options }
  return { ...jobOf(pending, purpose, target), configuration: { load }, content: () => gzipRanges(ranges) }
}

/**
 * A job that copies a table into another one: it appends the rows, unless `disposition` says
 * otherwise.
 */
export function copyJob(
  tables: Tables,
  pending: PendingLoad,
  purpose: string,
  source: string,
  target: string,
  disposition = 'WRITE_APPEND',
): Job {
  const [sourceTable, destinationTable] = [tables.reference(source), tables.reference(target)]
  const dispositions = { writeDisposition: disposition, createDisposition: 'CREATE_NEVER' }
  return {
    ...jobOf(pending, purpose, target),
    configuration: { copy: { sourceTable, destinationTable, ...dispositions } },
  }
}

function jobOf(pending: PendingLoad, purpose: string, target: string): Omit<Job, 'configuration'> {
  return { id: jobIdOf(pending, purpose), purpose: purpose.replace(/_.*/, ''), writes: target, isPartitioned: false }
}
