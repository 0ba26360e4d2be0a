import type { CatalogueEntry } from './catalogue.ts'
import type { ColumnType } from './column.ts'
import type { ColumnRules } from './registry.ts'

/** The user's choices about columns. */
export interface ColumnChoices {
  readonly maxColumns: number
  readonly newProperties: ColumnRules['newProperties']
  readonly columns: Readonly<Record<string, ColumnType>>
  readonly inferTypes?: boolean | undefined
  /** Patterns of property names, in which `*` matches any characters. */
  readonly includeProperties?: readonly string[] | undefined
  readonly excludeProperties?: readonly string[] | undefined
}

/**
 * Decides which properties of a table get columns, and their types. The user's choice precedes the
 * catalogue. `isSelective`: whether the user may include and exclude properties.
 */
export function columnRules(
  settings: ColumnChoices,
  properties: Readonly<Record<string, CatalogueEntry>>,
  isSelective: boolean,
): ColumnRules {
  const given = new Map<string, ColumnType>(Object.entries(settings.columns))
  const known = new Map(Object.entries(properties))
  return {
    columnsMax: settings.maxColumns,
    newProperties: settings.newProperties,
    typeOf: (property) => given.get(property) ?? known.get(property)?.type,
    infersTypes: settings.inferTypes === true,
    isSelective: isSelective && (settings.includeProperties ?? settings.excludeProperties) !== undefined,
    isWanted: isSelective ? selection(settings) : () => true,
    isNeeded: (property) => known.get(property)?.isNeeded === true,
  }
}

/** What decides how lines of a table are stored, besides the lines: a text to compare. */
export function choicesText(settings: ColumnChoices, localZone: string | undefined): string {
  const { maxColumns, newProperties, columns, inferTypes, includeProperties, excludeProperties } = settings
  return JSON.stringify([
    STORED_FORM,
    localZone,
    maxColumns,
    newProperties,
    Object.entries(columns).sort(),
    includeProperties,
    excludeProperties,
    // Absent by default, so that digests of earlier versions stay valid.
    ...(inferTypes ? ['inferTypes'] : []),
  ])
}

/** Grows by one whenever a new version stores the same lines in another way. */
const STORED_FORM = 1

function selection({ includeProperties, excludeProperties = [] }: ColumnChoices): (property: string) => boolean {
  const isIncluded = includeProperties === undefined ? () => true : matcher(includeProperties)
  const isExcluded = matcher(excludeProperties)
  return (property) => isIncluded(property) && !isExcluded(property)
}

/** Matches names against patterns in which `*` means any characters. */
function matcher(patterns: readonly string[]): (name: string) => boolean {
  const expressions = patterns.map((pattern) => {
    const literal = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    return new RegExp(`^${literal.join('.*')}$`, 's')
  })
  return (name) => expressions.some((expression) => expression.test(name))
}
