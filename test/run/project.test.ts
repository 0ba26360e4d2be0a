import { describe, expect, it } from 'vitest'
import { projectIn } from '../../lib/run/project.ts'
import { failureOf } from '../conformance/failures.ts'

const OURS = { name: 'Production', timezone: 'US/Pacific', domain: 'mixpanel.com' }
const me = (projects: unknown, rest: object = {}) => ({ status: 'ok', results: { ...rest, projects } })

describe('what Mixpanel says of the project', () => {
  it.each([
    ['among others', me({ 1: { name: 'Other', timezone: 'UTC' }, 12: OURS })],
    ['with more than is known', me({ 12: { ...OURS, id: 12, type: 'PROJECT', is_demo: null } }, { user_id: 1 })],
    ['where another project has nothing in some places', me({ 1: { name: null, timezone: null }, 2: null, 12: OURS })],
    ['where the account has no name', me({ 12: OURS }, { user_name: null, organizations: null })],
  ])('is read %s', (_, answer) => {
    expect(projectIn(answer, '12')).toEqual(OURS)
  })

  it('may be incomplete', () => {
    const { timezone } = OURS
    for (const project of [{ timezone }, { timezone, name: null, domain: 3 }]) {
      expect(projectIn(me({ 12: project }), '12')).toEqual({ name: undefined, timezone, domain: undefined })
    }
    expect(projectIn(me({ 12: { timezone: null } }), '12').timezone).toBeUndefined()
  })

  it('is not read from a response that is not ok', async () => {
    const answer = { status: 'error', results: { projects: {} } }
    const failure = await failureOf(Promise.resolve().then(() => projectIn(answer, '12')))
    expect(failure.code).toBe('BODY_UNREADABLE')
  })

  it.each([[{}], [null], [undefined], [{ 1: OURS }]])('is not found in %j', async (projects) => {
    const failure = await failureOf(Promise.resolve().then(() => projectIn(me(projects), '12')))
    expect(failure.code).toBe('NOT_FOUND')
  })

  it.each([[{}], [[]], [{ results: 1 }], ['text']])('is not read in %j', async (answer) => {
    const failure = await failureOf(Promise.resolve().then(() => projectIn(answer, '12')))
    expect(failure.code).toBe('BODY_UNREADABLE')
  })
})
