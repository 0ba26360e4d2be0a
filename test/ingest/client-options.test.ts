import { expect, it } from 'vitest'
import { checkClientOptions } from '../../lib/ingest/client-options.ts'

it('a line break at the end of a token or a secret is not part of it', () => {
  expect(checkClientOptions({ token: 'abc\n' }).token).toBe('abc')
  const credentials = { kind: 'service-account', user: 'u', secret: 's\r\n', projectId: '1' } as const
  expect(checkClientOptions({ credentials }).credentials).toEqual({ ...credentials, secret: 's' })
})

it('http:// to another machine is refused unless it is allowed', () => {
  const options = { token: 'abc', apiUrl: 'http://proxy.example' }
  expect(() => checkClientOptions(options)).toThrow('apiUrl is an http:// URL of another machine')
  expect(checkClientOptions({ ...options, allowHttp: true }).apiUrl).toBe(options.apiUrl)
  expect(checkClientOptions({ ...options, apiUrl: 'http://127.0.0.1:8600' }).allowHttp).toBe(false)
})
