import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { adviceAgainst } from '../../lib/extract/other-forms.ts'

const FORMS: readonly (readonly [form: string, head: string, advice: RegExp])[] = [
  [
    'Data Pipelines',
    '{"event_name":"Order","insert_id":"x1","properties":{},"time":1}',
    /Data Pipelines.*jq -c .*mixload load -$/,
  ],
  ['flat events', '{"event":"Order","time":1,"distinct_id":"ann"}', /it has no "properties".*jq -c .*del\(\.event\)/],
  ['profiles', '{"$distinct_id":"ann","$properties":{}}', /profiles.*sync --streams engage/],
  ['an event on several lines', '{\n  "event": "Order"', /several lines.*jq -c '\.' a\.json \| mixload load -$/],
  ['CSV', 'event,time,distinct_id\nOrder,1,ann', /CSV.*mixload import/],
  [
    'Segment',
    '{"event":"Order","properties":{},"timestamp":"2024-01-09T07:10:17Z","userId":"ann"}',
    /Segment.*\.timestamp/,
  ],
  ['something else', '{"a":1}', /^Its first line is not an event: it has no "event"\.$/],
  ['no JSON', 'hello', /^Its first line is not a JSON object\.$/],
]

describe('what is advised against a file', () => {
  it.each(FORMS)('of %s', (_, head, advice) => {
    expect(adviceAgainst(head, 'a.json')).toMatch(advice)
    expect(adviceAgainst(`\ufeff\n \n${head}`, 'a.json')).toMatch(advice)
  })

  it('decompresses a file for jq', () => {
    expect(adviceAgainst('{"event":"A","time":1}', 'a.ndjson.gz')).toContain('gzip -dc a.ndjson.gz | jq -c')
    expect(adviceAgainst('{"event":"A","time":1}', 'a.zst')).toContain('zstd -dc a.zst | jq -c')
  })

  it('says nothing of what is in it, and names no file that a shell would read otherwise', () => {
    fc.assert(
      fc.property(fc.constantFrom(...FORMS), (form) => {
        const head = form[1].replaceAll('Order', 'SECRET').replaceAll('ann', 'SECRET')
        expect(adviceAgainst(head, "it's; rm")).not.toMatch(/SECRET|rm/)
      }),
    )
  })
})
