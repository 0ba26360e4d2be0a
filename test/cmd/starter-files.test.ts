import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readSettingsFile } from '../../cmd/settings-file.ts'
import { settingsFileText, starterSettings, variablesFileText } from '../../cmd/starter-files.ts'
import { settingsFrom } from '../../lib/settings.ts'

const SETTINGS = [
  ['projectId', '1234567'],
  ['region', 'eu'],
  ['serviceAccountSecret', undefined, 'MIXPANEL_SERVICE_ACCOUNT_SECRET'],
  ['destination', 'duckdb:warehouse.duckdb'],
] as const

describe('the text of a settings file', () => {
  it('has each setting with its meaning, and secrets as variables', () => {
    expect(settingsFileText('mixload.yaml', 'Shop (1234567)', SETTINGS)).toBe(`\
# Settings of mixload for Shop (1234567), written by \`mixload init\`.
# Every setting can be here: see docs/settings.md. Secrets are in .env beside this file.
# Name the file in each command, such as: mixload sync --config mixload.yaml

# Project id; required with a service account
projectId: "1234567"

# Where the project's data lives: us, eu, in
region: eu

# Secret of the service account
serviceAccountSecret: \${MIXPANEL_SERVICE_ACCOUNT_SECRET}

# Where to load: duckdb:PATH, postgres://USER@HOST/DATABASE, bigquery://PROJECT/DATASET, parquet:DIRECTORY or npm-package:NAME
destination: duckdb:warehouse.duckdb
`)
  })

  it('is read as the settings that were written, whatever the names and values', () => {
    const directory = mkdtempSync(join(tmpdir(), 'mixload-test-'))
    const file = join(directory, 'mixload.yaml')
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[$\\{}:# '"-]{0,9}$/))
    const secret = text.filter(
      (value) => value !== '' && !/[\r\n]/.test(value) && !(/'/.test(value) && /`/.test(value)),
    )
    try {
      fc.assert(
        fc.property(text, text, secret, (project, destination, value) => {
          const settings = [...SETTINGS.slice(0, 3), ['destination', destination]] as const
          writeFileSync(file, settingsFileText(file, project, settings as typeof SETTINGS))
          const variables = variablesFileText('', { MIXPANEL_SERVICE_ACCOUNT_SECRET: value })
          writeFileSync(join(directory, '.env'), variables, { mode: 0o600 })
          expect(readSettingsFile(file)?.settings).toEqual({
            projectId: '1234567',
            region: 'eu',
            serviceAccountSecret: value,
            destination,
          })
        }),
      )
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})

describe('the text of a file of variables', () => {
  it('keeps all that was there, and replaces its own', () => {
    const before = '# mine\nOTHER=1\nexport A=old\nB="x"\n\n'
    expect(variablesFileText(before, { A: 'new one', C: 'c' })).toBe('# mine\nOTHER=1\nB="x"\nA=\'new one\'\nC=c\n')
    expect(variablesFileText('', { A: "it's" })).toBe("A=`it's`\n")
  })

  it('refuses a value that no quotes can hold', () => {
    for (const value of ["'`", 'two\nlines']) {
      expect(() => variablesFileText('', { A: value })).toThrow('A cannot be written to .env')
    }
  })

  it('is read by Node as it was meant', () => {
    for (const value of ['a#b', ' a ', '"', '\\n', '$A', '`', "'"]) {
      expect(parseEnv(variablesFileText('', { A: value }))).toEqual({ A: value })
    }
  })
})

describe('what the files have', () => {
  const given = { projectId: '7', region: 'in', serviceAccount: 'a', serviceAccountSecret: 's' }

  it('settings that are not the default, and the secret only as a variable', () => {
    const settings = settingsFrom({ ...given, streams: ['export', 'engage'], schema: 'mixpanel' })
    expect(starterSettings(settings, ['streams', 'schema', 'legacyTime'])).toEqual({
      starter: [
        ['projectId', '7'],
        ['region', 'in'],
        ['serviceAccount', 'a'],
        ['serviceAccountSecret', undefined, 'MIXPANEL_SERVICE_ACCOUNT_SECRET'],
        ['destination', 'duckdb:warehouse.duckdb', undefined],
        ['streams', ['export', 'engage']],
      ],
      variables: { MIXPANEL_SERVICE_ACCOUNT_SECRET: 's' },
    })
  })

  it('a destination with a password only as a variable, too', () => {
    const destination = 'postgres://u:hush@db/analytics'
    const { starter, variables } = starterSettings(settingsFrom({ ...given, destination }), [])
    expect(variables).toEqual({ MIXPANEL_SERVICE_ACCOUNT_SECRET: 's', MIXLOAD_DESTINATION: destination })
    expect(settingsFileText('mixload.yaml', 'x', starter)).toContain(`\ndestination: $\{MIXLOAD_DESTINATION}\n`)
    expect(settingsFileText('mixload.yaml', 'x', starter)).not.toContain('hush')
  })
})
