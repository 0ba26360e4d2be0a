import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { propertiesOf } from '../../cmd/property-flags.ts'
import { readSettingsFile } from '../../cmd/settings-file.ts'
import { recordJson } from '../../lib/ingest/property-values.ts'
import { resolveSettings } from '../../lib/settings.ts'

const directory = mkdtempSync(join(tmpdir(), 'mixload-test-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

function settingsIn(text: string) {
  const path = join(directory, 'mixload.yaml')
  writeFileSync(path, text)
  return resolveSettings({}, {}, readSettingsFile(path)?.settings ?? {})
}

const digits = fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n })
const project = fc.bigInt({ min: 0n, max: 10n ** 30n })

describe('a number of any length', () => {
  it('in a file of settings, as YAML or as JSON, keeps its digits', () => {
    fc.assert(
      fc.property(digits, project, (group, id) => {
        const wanted = { groups: { company: String(group) }, projectId: String(id) }
        expect(settingsIn(`projectId: ${id}\ngroups:\n  company: ${group}\n`)).toMatchObject(wanted)
        expect(settingsIn(`{"projectId": ${id}, "groups": {"company": ${group}}}`)).toMatchObject(wanted)
        expect(settingsIn(`projectId: "${id}"\ngroups: {company: '${group}'}`)).toMatchObject(wanted)
      }),
    )
  })

  it('in a file of settings, where a fraction or an exponent makes it lose digits, is refused', () => {
    for (const number of ['4711234567890123456.0', '4.711234567890123456e18']) {
      expect(() => settingsIn(`groups: {company: ${number}}`)).toThrow('write it in quotes')
    }
  })

  it('in a property on the command line keeps its digits, also within lists and objects', () => {
    fc.assert(
      fc.property(digits, (number) => {
        for (const json of [`${number}`, `[${number}]`, `{"a":{"b":${number}}}`]) {
          expect(recordJson(propertiesOf([`id=${json}`]))).toBe(`{"id":${json}}`)
        }
      }),
    )
  })

  it('that counts something is a number, as before', () => {
    expect(settingsIn('sliceDays: 7\nmaxColumns: 0x40').maxColumns).toBe(64)
  })
})
