import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Simulator, startSimulator } from '../../lib/simulator/index.ts'
import { parseJsonBody, parseLines } from '../../lib/simulator/stores/received-records.ts'
import { basic, DAY_MS, event, lines, type ReceivedResponse, request, requestExport } from './requests.ts'

let simulator: Simulator

beforeEach(async () => {
  simulator = await startSimulator({
    requestsPerHour: 0,
    requestsPerSecond: 0,
    token: 'project-token',
    today: '2026-08-10',
  })
})

afterEach(() => simulator.close())

function send(
  body: unknown,
  query: Record<string, string> = {},
  headers: Record<string, string> = {},
): Promise<ReceivedResponse> {
  const sent = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)
  return request(simulator, '/import', { method: 'POST', body: sent, query: { strict: '1', ...query }, headers })
}

async function stored(): Promise<string[]> {
  return lines((await requestExport(simulator, '2020-01-01', '2026-08-10')).text)
}

/** Returns an event with these properties instead of the default ones; undefined removes one. */
function eventWith(properties: Record<string, unknown>): object {
  return event(1, 'Page viewed', properties)
}

test('a valid batch is stored and enriched', async () => {
  const { status, text } = await send([event(1), event(2)])
  expect({ status, body: JSON.parse(text) }).toEqual({
    status: 200,
    body: { code: 200, num_records_imported: 2, status: 'OK' },
  })
  const all = await stored()
  expect(all).toHaveLength(2)
  for (const line of all) {
    const { properties } = JSON.parse(line)
    expect(properties).toMatchObject({ $import: true, $mp_api_timestamp_ms: properties.mp_processing_time_ms })
    expect(new Date(properties.mp_processing_time_ms).toISOString().slice(0, 10)).toBe('2026-08-10')
  }
})

test('the original bytes are kept, including digits, escapes and order', async () => {
  const line =
    '{ "properties" : {"$insert_id":"a-1","big":12345678901234567890.10,"t":"\\u00e9\\/",' +
    `"time": ${DAY_MS / 1000},"list":[1.0,{"e":1e2}],"distinct_id":""} , "event":"x" }`
  await send(`[\n${line.replaceAll(' ', '\r\n')}\n]`)
  const [found] = await stored()
  const added = /,"\$import":true,"\$mp_api_timestamp_ms":\d+,"mp_processing_time_ms":\d+(?=\})/
  expect(found).toMatch(added)
  const original = found?.replace(added, '').replaceAll(' ', '')
  expect(original).toBe(line.replace(String(DAY_MS / 1000), String(DAY_MS)).replaceAll(' ', ''))
})

test('properties that Mixpanel adds replace those of the sender', async () => {
  await send([eventWith({ mp_processing_time_ms: 5, $import: false, z: 1 })])
  const [line] = await stored()
  expect(line?.match(/mp_processing_time_ms/g)).toHaveLength(1)
  expect(line).toContain('"$import":true,"z":1')
})

test('lines and lists are accepted, compressed or not', async () => {
  const body = `${JSON.stringify(event(1))}\n\n${JSON.stringify(event(2))}`
  const ndjson = { 'content-type': 'application/x-ndjson' }
  expect((await send(body, {}, ndjson)).status).toBe(200)
  expect((await send(gzipSync(body), {}, { ...ndjson, 'content-encoding': 'gzip' })).status).toBe(200)
  const list = gzipSync(JSON.stringify([event(3)]))
  expect((await send(list, {}, { 'content-encoding': 'gzip' })).status).toBe(200)
  expect(await stored()).toHaveLength(5)
})

test('a batch with invalid records is a 400 that stores the valid ones', async () => {
  const { status, text } = await send([event(1), eventWith({ time: 'now', $insert_id: 'second' }), event(3), 7])
  expect(status).toBe(400)
  expect(JSON.parse(text)).toEqual({
    code: 400,
    error: 'some data points in the request failed validation',
    status: 'Bad Request',
    num_records_imported: 2,
    failed_records: [
      {
        index: 1,
        insert_id: 'second',
        field: 'properties.time',
        message: "'properties.time' is invalid: must be specified as seconds since epoch",
      },
      { index: 3, insert_id: '', field: '', message: 'event must be a JSON object' },
    ],
  })
  expect(await stored()).toHaveLength(2)
})

const deep = { a: { b: { c: {} } } }
const wide = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, n]))

test.each([
  [{ properties: {} }, "'event' must not be missing or blank"],
  [{ event: ' ', properties: {} }, "'event' must not be missing or blank"],
  [{ event: 'e' }, "'properties' must not be missing"],
  [eventWith({ time: undefined }), "'properties.time' is invalid: must not be missing"],
  [eventWith({ time: 0 }), "'properties.time' is invalid: must be specified as seconds since epoch"],
  [eventWith({ time: '1785542400' }), "'properties.time' is invalid: must be specified as seconds since epoch"],
  [eventWith({ time: DAY_MS + 11 * 86_400_000 }), "'properties.time' is invalid: must not be in the future"],
  [eventWith({ distinct_id: undefined }), "'properties.distinct_id' is invalid: must not be missing"],
  [eventWith({ distinct_id: 7 }), "'properties.distinct_id' is invalid: must be a string"],
  [eventWith({ distinct_id: 'Anonymous' }), "'properties.distinct_id' is invalid: must not be a placeholder value"],
  [eventWith({ $insert_id: undefined }), "'properties.$insert_id' is invalid: must not be missing"],
  [eventWith({ $insert_id: 7 }), "'properties.$insert_id' is invalid: must be a string"],
  [eventWith({ $insert_id: 'undefined' }), "'properties.$insert_id' is invalid: must not be a placeholder value"],
  [
    eventWith({ $insert_id: 'a_b' }),
    "'$insert_id' is invalid: must only contain alphanumeric or hyphen '-' characters",
  ],
  [eventWith({ $insert_id: 'a'.repeat(37) }), "'properties.$insert_id' is invalid: must not be longer than 36 bytes"],
  [eventWith(wide(253)), "'properties' is invalid: must not have more than 255 keys"],
  [eventWith({ d: { deep } }), "'properties.d' is invalid: must not be nested deeper than 3"],
  [eventWith({ d: Array(256).fill(0) }), "'properties.d' is invalid: must not have more than 255 elements"],
  [eventWith({ d: wide(256) }), "'properties.d' is invalid: must not have more than 255 keys"],
  [eventWith({ d: 'x'.repeat(1_048_576) }), 'event exceeds max size of 1048576 bytes'],
])('strict mode rejects a record: %#', async (record, message) => {
  const { status, text } = await send([record])
  expect(status).toBe(400)
  expect(JSON.parse(text)).toMatchObject({ num_records_imported: 0, failed_records: [{ index: 0, message }] })
  expect(await stored()).toEqual([])
})

test('strict mode accepts what Mixpanel accepts', async () => {
  const valid = [
    eventWith({ distinct_id: '' }),
    eventWith({ distinct_id: undefined, $device_id: 'd' }),
    eventWith({ $insert_id: 'A'.repeat(36) }),
    eventWith({ time: 31_536_000 }),
    eventWith(wide(251)),
    eventWith({ d: { a: { b: 1 } }, list: Array(255).fill(0) }),
  ]
  expect(JSON.parse((await send(valid)).text)).toEqual({ code: 200, num_records_imported: valid.length, status: 'OK' })
})

test('without strict, invalid records are dropped without an error, and missing values are added', async () => {
  const future = DAY_MS + 40 * 86_400_000
  const batch = [
    eventWith({ time: undefined }),
    eventWith({ $insert_id: undefined, distinct_id: undefined, n: 'filled' }),
    eventWith({ time: future, n: 'clamped' }),
    eventWith({ $insert_id: '', n: 'blank' }),
  ]
  const { status, text } = await send(batch, { strict: '0' })
  expect({ status, body: JSON.parse(text) }).toEqual({
    status: 200,
    body: { code: 200, num_records_imported: 3, status: 'OK' },
  })
  const byName = Object.fromEntries(
    (await stored()).map((line) => JSON.parse(line).properties).map((properties) => [properties.n, properties]),
  )
  expect(byName.filled.$insert_id).toMatch(/^[0-9a-f-]{36}$/)
  expect(byName.blank.$insert_id).toMatch(/^[0-9a-f-]{36}$/)
  expect(byName.clamped.time).toBe(byName.clamped.mp_processing_time_ms)
})

test.each(['[{}]', '[]', '', '{}'])('%j is missing or empty data', async (body) => {
  const { status, text } = await send(body)
  expect({ status, body: JSON.parse(text) }).toEqual({
    status: 200,
    body: { error: 'data, missing or empty', status: 0 },
  })
})

test('a single object counts as a list of one', async () => {
  expect(JSON.parse((await send(event(1))).text).num_records_imported).toBe(1)
})

test('invalid JSON and invalid gzip are a 400', async () => {
  const status = async (response: Promise<ReceivedResponse>) => JSON.parse((await response).text).code
  expect(await status(send('[{"event":'))).toBe(400)
  expect(await status(send('{}\nnope', {}, { 'content-type': 'application/x-ndjson' }))).toBe(400)
  expect(await status(send('[]', {}, { 'content-encoding': 'gzip' }))).toBe(400)
})

test('bodies above the limit are a 413, compressed or not, and the limit can be raised', async () => {
  const big = JSON.stringify(Array.from({ length: 30 }, (_, n) => event(n, 'e', { filler: 'x'.repeat(100_000) })))
  const compressed = gzipSync(big)
  for (const response of [await send(big), await send(compressed, {}, { 'content-encoding': 'gzip' })]) {
    expect({ status: response.status, body: JSON.parse(response.text) }).toEqual({
      status: 413,
      body: { code: 413, error: 'request exceeds max limit of 2097152 bytes', status: 'Request Entity Too Large' },
    })
  }
  await simulator.close()
  simulator = await startSimulator({ importBytesMax: 10 * 1024 * 1024, today: '2026-08-10' })
  expect((await send(big)).status).toBe(200)
})

test('more than 2000 events are a 413', async () => {
  expect((await send(Array.from({ length: 2001 }, (_, n) => event(n)))).status).toBe(413)
})

test('imports require credentials', async () => {
  const { user, secret } = simulator.credentials.serviceAccount
  const as = async (authorization: string | null, query: Record<string, string>) => {
    const headers: Record<string, string> = authorization === null ? {} : { authorization }
    const search = new URLSearchParams({ strict: '1', ...query })
    const init = { method: 'POST', headers, body: JSON.stringify([event(1)]) }
    const response = await fetch(`${simulator.url}/import?${search}`, init)
    const body = (await response.json()) as { error?: string }
    return `${response.status} ${body.error ?? ''}`
  }
  const project = { project_id: '1000001' }
  expect(await as(basic(user, secret), project)).toBe('200 ')
  expect(await as(basic('project-token'), {})).toBe('200 ')
  expect(await as(basic('simulator-project-secret'), {})).toBe('200 ')
  expect(await as(basic(user, secret), {})).toMatch(/^401 Unauthorized, invalid project secret\./)
  expect(await as(basic(user, secret), { project_id: '2' })).toBe('401 Invalid credentials')
  expect(await as(basic('other-token'), {})).toBe('401 Invalid credentials')
  expect(await as(null, project)).toBe('401 Invalid credentials')
})

test('the records of a list keep the bytes of its elements', () => {
  const value = fc.json()
  const gap = fc.stringMatching(/^[ \t\r\n]{0,3}$/)
  fc.assert(
    fc.property(fc.array(fc.tuple(value, gap)), (elements) => {
      const body = Buffer.from(`[${elements.map(([json, space]) => `${space}${json}${space}`).join(',')}]`)
      const records = parseJsonBody(body)
      expect(records.map(({ line }) => line.toString().trim())).toEqual(elements.map(([json]) => json))
      expect(records.map((record) => record.value)).toEqual(elements.map(([json]) => JSON.parse(json)))
    }),
  )
})

test('the records of lines keep the bytes of the lines', () => {
  fc.assert(
    fc.property(fc.array(fc.json()), (texts) => {
      const records = parseLines(Buffer.from(texts.join('\n')))
      expect(records.map(({ line }) => line.toString())).toEqual(texts.map((text) => `${text}\n`))
    }),
  )
})

test('a property that is not UTF-8 is rejected by name, and the other events are stored', async () => {
  const sent = [event(1), eventWith({ utm_source: 'BAD', $insert_id: 'two' }), event(3)].map((record) =>
    JSON.stringify(record),
  )
  const body = Buffer.from(sent.join('\n'))
  body.write('\xff\xfe', body.indexOf('BAD'), 'latin1')
  const { status, text } = await send(body, {}, { 'content-type': 'application/x-ndjson' })
  expect({ status, body: JSON.parse(text) }).toMatchObject({
    status: 400,
    body: {
      num_records_imported: 2,
      failed_records: [
        {
          index: 1,
          insert_id: 'two',
          field: 'properties.utm_source',
          message: 'properties.utm_source is invalid: string should be valid utf8',
        },
      ],
    },
  })
  expect(await stored()).toHaveLength(2)
})
