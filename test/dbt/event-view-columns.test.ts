import { describe, expect, it } from 'vitest'
import { EXPORT_COLUMNS, LOCAL_TIME_COLUMN } from '../../lib/columns/catalogue.ts'
import type { Column } from '../../lib/columns/column.ts'
import { eventView } from '../../lib/dbt/event-view.ts'
import { ENGINE_CAPABILITIES } from '../../lib/destination/capabilities.ts'

const CAPABILITIES = {
  ...ENGINE_CAPABILITIES,
  atomicReplace: true,
  atomicLedger: true,
  readersDuringLoad: true,
  queries: true,
}

function queryOver(column: Column): string {
  return eventView(CAPABILITIES, 'export_latest', [...EXPORT_COLUMNS, column], 'UTC').query
}

describe('the time in the view event', () => {
  it('comes from the column of local times', () => {
    expect(queryOver(LOCAL_TIME_COLUMN)).toContain('make_timestamp("_time_raw" * 1000)')
  })

  it('does not come from a property of that name, which a table of an earlier version may have', () => {
    const property: Column = { name: '_time_raw', type: 'text', role: 'property', property: '_time_raw' }
    expect(queryOver(property)).not.toContain('make_timestamp')
  })
})
