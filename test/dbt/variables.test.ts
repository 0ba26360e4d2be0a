import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { withVariables } from '../../lib/dbt/variables.ts'

const PATH = 'dbt_project.yml'
const KNOWN = { mixload_timezone: 'US/Pacific', mixload_id_merge: 'simplified' }

describe('the variables in dbt_project.yml', () => {
  it('are added, and the rest of the file stays', () => {
    const text = '# Ours\nname: shop\n\nvars:\n  own: 1 # kept\n'
    const changed = withVariables(text, KNOWN, PATH)
    expect(changed.added).toEqual(Object.keys(KNOWN))
    expect(changed.text.startsWith(text)).toBe(true)
    expect(parse(changed.text)).toEqual({ name: 'shop', vars: { own: 1, ...KNOWN } })
    expect(withVariables(changed.text, KNOWN, PATH)).toEqual({ text: changed.text, added: [], different: [] })
    for (const empty of ['name: shop\n', 'name: shop\nvars:\n', 'name: shop\nvars: {}\n']) {
      expect(parse(withVariables(empty, KNOWN, PATH).text)).toEqual({ name: 'shop', vars: KNOWN })
    }
  })

  it('stay as the user has set them, for all packages or for one, and differences are reported', () => {
    for (const text of ['vars:\n  mixload_timezone: UTC\n', 'vars:\n  mixload:\n    mixload_timezone: UTC\n']) {
      expect(withVariables(text, { mixload_timezone: 'US/Pacific' }, PATH)).toEqual({
        text,
        added: [],
        different: [{ name: 'mixload_timezone', value: 'UTC', known: 'US/Pacific' }],
      })
    }
  })

  it('are refused in a file that is not a dbt project', () => {
    for (const text of ['', '- a\n', 'vars: [a]\n', 'a: [\n']) {
      expect(() => withVariables(text, KNOWN, PATH)).toThrow(PATH)
    }
  })
})
