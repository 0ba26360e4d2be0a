import { cut, type Form, refusal, type Step, whole } from './fault-server.ts'

/** How a body is sent that nothing is wrong with. */
export const FORM: Form = { framing: 'chunked', gzip: true }

/** What is wrong with an answer; `fine`: nothing. */
export type Fault = 'fine' | 'cut' | 'reset' | '500' | '429' | 'terminated early' | 'timeout' | 'no gzip'

/** What the server does with a request that this body answers. */
export function answer(fault: Fault, body: string): readonly Step[] {
  switch (fault) {
    case 'fine':
      return whole(body, FORM)
    case 'cut':
      return cut(body, FORM, 10, 'end')
    case 'reset':
      return [{ close: 'reset' }]
    case '500':
      return refusal('500 Oops')
    case '429':
      return refusal('429 Too Many', '', { 'retry-after': '0' })
    case 'terminated early':
      return whole(`${body.slice(0, body.indexOf('\n') + 1)}terminated early\n`, FORM)
    case 'timeout':
      return refusal('400 Bad Request', '{"error":"Timeout Error."}')
    case 'no gzip':
      return whole(body, { ...FORM, gzip: false, headers: { 'content-encoding': 'gzip' } })
  }
}
