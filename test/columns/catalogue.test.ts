import { describe, expect, it } from 'vitest'
import { EVENT_PROPERTIES, EXPORT_COLUMNS, LOCAL_TIME_COLUMN } from '../../lib/columns/catalogue.ts'
import { COLUMN_TYPES } from '../../lib/columns/column.ts'
import { columnName, foldName, NAME_BYTES_MAX } from '../../lib/columns/naming.ts'

const FIXED = [...EXPORT_COLUMNS, LOCAL_TIME_COLUMN]

describe('the fixed columns', () => {
  it('have names that differ in more than case, and none holds a property that another holds', () => {
    expect(new Set(FIXED.map(({ name }) => foldName(name))).size).toBe(FIXED.length)
    const properties = FIXED.flatMap(({ property }) => (property === null ? [] : [property]))
    expect(new Set(properties).size).toBe(properties.length)
  })

  it('are fixed, typed, described, and named as columns are', () => {
    for (const { name, type, role, description } of FIXED) {
      expect(role, name).toBe('fixed')
      expect(COLUMN_TYPES, name).toContain(type)
      expect(description, name).not.toBe('')
      expect(Buffer.byteLength(name), name).toBeLessThanOrEqual(NAME_BYTES_MAX)
      expect(columnName(name), name).toBe(name)
    }
  })

  it('that hold a property have the name it would get, and the type the catalogue gives it', () => {
    for (const { name, property, type } of FIXED) {
      if (property === null) continue
      expect(name).toBe(columnName(property))
      expect(EVENT_PROPERTIES[property]?.type ?? type).toBe(type)
    }
  })
})

describe('the catalogue of properties', () => {
  const entries = Object.entries(EVENT_PROPERTIES)

  it('gives only types that columns can have, and describes each property', () => {
    for (const [property, { type, description }] of entries) {
      if (type !== undefined) expect(COLUMN_TYPES, property).toContain(type)
      expect(description, property).not.toBe('')
      expect(description, property).not.toMatch(/\.$/)
    }
  })

  it('asks for a column of its own for each property', () => {
    expect(new Set(entries.map(([property]) => columnName(property))).size).toBe(entries.length)
  })

  it('answers nothing for names that objects have of themselves', () => {
    for (const name of ['constructor', 'toString', '__proto__'])
      expect(Object.hasOwn(EVENT_PROPERTIES, name)).toBe(false)
  })
})
