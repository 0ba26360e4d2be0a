import { describe, expect, it } from 'vitest'
import { EVENT_PROPERTIES, EXPORT_COLUMNS, LOCAL_TIME_COLUMN } from '../../lib/columns/catalogue.ts'
import { COLUMN_TYPES } from '../../lib/columns/column.ts'
import { columnName, foldName, NAME_BYTES_MAX } from '../../lib/columns/naming.ts'

const FIXED = [...EXPORT_COLUMNS, LOCAL_TIME_COLUMN]

describe('the fixed columns', () => {
  it('have names that differ in more than case, and no two hold the same property', () => {
    expect(new Set(FIXED.map(({ name }) => foldName(name))).size).toBe(FIXED.length)
    const properties = FIXED.flatMap(({ property }) => (property === null ? [] : [property]))
    expect(new Set(properties).size).toBe(properties.length)
  })

  it('are fixed, and have types, descriptions and valid names', () => {
    for (const { name, type, role, description } of FIXED) {
      expect(role, name).toBe('fixed')
      expect(COLUMN_TYPES, name).toContain(type)
      expect(description, name).not.toBe('')
      expect(Buffer.byteLength(name), name).toBeLessThanOrEqual(NAME_BYTES_MAX)
      expect(columnName(name), name).toBe(name)
    }
  })

  it('that hold a property have the name that it would get, and its type in the catalogue', () => {
    for (const { name, property, type } of FIXED) {
      if (property === null) continue
      expect(name).toBe(columnName(property))
      expect(EVENT_PROPERTIES[property]?.type ?? type).toBe(type)
    }
  })
})

describe('the catalogue of properties', () => {
  const entries = Object.entries(EVENT_PROPERTIES)

  it('has only types that columns can have, and a description of each property', () => {
    for (const [property, { type, description }] of entries) {
      if (type !== undefined) expect(COLUMN_TYPES, property).toContain(type)
      expect(description, property).not.toBe('')
      expect(description, property).not.toMatch(/\.$/)
    }
  })

  it('has a different column name for each property', () => {
    expect(new Set(entries.map(([property]) => columnName(property))).size).toBe(entries.length)
  })

  it('has no entry for names that every JavaScript object has', () => {
    for (const name of ['constructor', 'toString', '__proto__'])
      expect(Object.hasOwn(EVENT_PROPERTIES, name)).toBe(false)
  })
})
