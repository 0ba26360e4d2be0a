import { describe, expect, it } from 'vitest'
import { renderMacro } from '../../lib/reports/macros.ts'

const rendered = (dialect: string, step: { event: string | readonly string[]; where?: string }) =>
  renderMacro(dialect, 'report_is_event', { step })

describe('a macro of reports', () => {
  it('quotes names as the dialect does', () => {
    const step = { event: ["it's", 'a\\b'] }
    expect(rendered('duckdb', step)).toBe(String.raw`(event_name in ('it''s', 'a\b'))`)
    expect(rendered('bigquery', step)).toBe(String.raw`(event_name in ('it\'s', 'a\\b'))`)
  })

  it('calls other macros, and leaves out what is not given', () => {
    expect(rendered('postgres', { event: 'Order', where: 'amount > 5 or gift' })).toBe(
      "(event_name in ('Order') and coalesce((amount > 5 or gift), false))",
    )
    expect(renderMacro('bigquery', 'report_day', { moment: 'occurred_at', timezone: 'Asia/Tokyo' })).toBe(
      "date(occurred_at, 'Asia/Tokyo')",
    )
  })
})
