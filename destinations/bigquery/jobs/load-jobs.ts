import type { Table, Tables } from '../api/tables.ts'
import type { FileRange } from '../uploads/file-ranges.ts'
import { gzipRanges } from '../uploads/gzip.ts'
import type { Job } from './jobs.ts'
import { jobIdOf, type PendingLoad } from './pending-loads.ts'

/** The schema of a table, as jobs have it. */
export function schemaOf({ fields }: Table): unknown {
  return { fields: fields.map(({ resource }) => resource) }
}

/** A job that appends files to a table. */
export function loadJob(
  tables: Tables,
  pending: PendingLoad,
  purpose: string,
  target: string,
  schema: unknown,
  ranges: readonly FileRange[],
): Job {
  return {
    id: jobIdOf(pending, purpose),
    purpose: purpose.replace(/_.*/, ''),
    writes: target,
    isPartitioned: false,
    configuration: {
      load: {
        destinationTable: tables.reference(target),
        sourceFormat: 'NEWLINE_DELIMITED_JSON',
        writeDisposition: 'WRITE_APPEND',
        createDisposition: 'CREATE_NEVER',
        schema,
      },
    },
    content: () => gzipRanges(ranges),
  }
}

/** A job that copies one table to another. */
export function copyJob(
  tables: Tables,
  pending: PendingLoad,
  purpose: string,
  source: string,
  target: string,
  writeDisposition: string,
  isPartitioned: boolean,
): Job {
  return {
    id: jobIdOf(pending, purpose),
    purpose: purpose.replace(/_.*/, ''),
    writes: target,
    isPartitioned,
    configuration: {
      copy: {
        sourceTable: tables.reference(source),
        destinationTable: tables.reference(target),
        writeDisposition,
        createDisposition: 'CREATE_NEVER',
      },
    },
  }
}
