import { invalid } from './refusal.ts'

export interface Field {
  readonly name: string
  readonly type: string
  readonly mode?: string
  readonly description?: string
}

export type Row = Readonly<Record<string, unknown>>

/** docs.cloud.google.com/bigquery/docs/schemas and docs.cloud.google.com/bigquery/quotas. */
const RESERVED =
  /^(?:_TABLE_|_FILE_|_PARTITION|_ROW_TIMESTAMP|__ROOT__|_COLIDENTIFIER|_CHANGE_SEQUENCE_NUMBER|_CHANGE_TYPE|_CHANGE_TIMESTAMP)/i
const FORBIDDEN = /[!"$()*,./;?@[\\\]^`{}~]/
const COLUMNS_MAX = 10_000

export function checkSchema(fields: readonly Field[]): void {
  if (fields.length > COLUMNS_MAX) throw invalid(`Too many columns: ${fields.length}`)
  const seen = new Set<string>()
  for (const { name, description = '' } of fields) {
    if (name === '' || name.length > 300 || FORBIDDEN.test(name) || RESERVED.test(name)) {
      throw invalid(`Invalid field name "${name}"`)
    }
    if (description.length > 1024) throw invalid(`The description of ${name} is too long`)
    if (seen.has(name.toLowerCase())) throw invalid(`Duplicate field name ${name}`)
    seen.add(name.toLowerCase())
  }
}

/** The only change allowed here is to add nullable columns. */
export function checkChange(before: readonly Field[], after: readonly Field[]): void {
  for (const field of before) {
    const found = after.find(({ name }) => name.toLowerCase() === field.name.toLowerCase())
    if (found === undefined) throw invalid(`Provided Schema does not match: cannot remove field ${field.name}`)
    if (found.type !== field.type) throw invalid(`Provided Schema does not match: ${field.name} has changed type`)
  }
  const added = after.filter(({ name }) => !before.some((field) => field.name.toLowerCase() === name.toLowerCase()))
  const required = added.find(({ mode }) => mode === 'REQUIRED')
  if (required !== undefined) throw invalid(`Cannot add required column ${required.name}`)
}

const VALID: Readonly<Record<string, (value: unknown) => boolean>> = {
  STRING: (value) => typeof value === 'string',
  INTEGER: (value) => /^-?\d+$/.test(String(value)) && (typeof value === 'string' || Number.isSafeInteger(value)),
  FLOAT: (value) => typeof value === 'number' || /^(?:NaN|-?Infinity)$/.test(String(value)),
  BOOLEAN: (value) => typeof value === 'boolean',
  DATE: (value) => /^\d{4}-\d{2}-\d{2}$/.test(String(value)),
  TIMESTAMP: (value) => /^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?Z$/.test(String(value)),
  JSON: () => true,
}

/** The rows of NDJSON, each checked against the schema. */
export function readRows(text: string, fields: readonly Field[]): readonly Row[] {
  const byName = new Map(fields.map((field) => [field.name, field]))
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line, index) => {
      const row = JSON.parse(line) as Row
      for (const [name, value] of Object.entries(row)) {
        const field = byName.get(name)
        if (field === undefined) throw invalid(`Row ${index + 1}: no such field: ${name}`)
        if (value !== null && VALID[field.type]?.(value) !== true) {
          throw invalid(`Row ${index + 1}: ${JSON.stringify(value)} is no ${field.type} for ${name}`)
        }
      }
      const missing = fields.find(({ name, mode }) => mode === 'REQUIRED' && (row[name] ?? null) === null)
      if (missing !== undefined) throw invalid(`Row ${index + 1}: missing required field ${missing.name}`)
      return row
    })
}

/** A value as it is listed, with timestamps as integer microseconds. */
export function listed(value: unknown, { type }: Field): string | null {
  if (value === undefined || value === null) return null
  if (type === 'JSON') return JSON.stringify(value)
  if (type === 'TIMESTAMP') return `${Date.parse(String(value))}000`
  return String(value)
}
