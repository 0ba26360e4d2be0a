import { isMap, parseDocument } from 'yaml'
import { MixloadError } from '../core/errors.ts'
import type { Warehouse } from '../destination/warehouse.ts'
import type { Settings } from '../settings.ts'
import { seenIdMerge } from '../views/seen-id-merge.ts'

/** Variables of the dbt package, by name. */
export type Variables = Readonly<Record<string, string>>

/** The variables of the package that follow from the project: its time zone and its id merge. */
export async function knownVariables(
  destination: Warehouse,
  settings: Settings,
  signal: AbortSignal,
): Promise<Variables> {
  const loads = await destination.ledger('export')
  const zone = settings.timezone ?? loads.findLast(({ source }) => source?.timezone !== undefined)?.source?.timezone
  const idMerge = await seenIdMerge(destination, settings.idMerge, signal)
  return {
    ...(zone === undefined ? {} : { mixload_timezone: zone }),
    ...(idMerge === undefined ? {} : { mixload_id_merge: idMerge }),
  }
}

/** The new text of dbt_project.yml, and what became of the variables. */
export interface ProjectFile {
  readonly text: string
  /** The names of the variables that were added. */
  readonly added: readonly string[]
  /** Those that the file has with another value, which stays. */
  readonly different: readonly { readonly name: string; readonly value: string; readonly known: string }[]
}

/**
 * Adds variables to the text of a dbt_project.yml. Those that it has stay as they are, for all
 * packages or for mixload's alone.
 * @throws MixloadError CONFIG_INVALID if the file is not valid YAML.
 */
export function withVariables(text: string, variables: Variables, path: string): ProjectFile {
  const document = parseDocument(text)
  const [error] = document.errors
  const unreadable = (what: string) => new MixloadError('CONFIG_INVALID', `${path}: ${what}. Fix it, and run again.`)
  if (error !== undefined) throw unreadable(error.message)
  if (!isMap(document.contents)) throw unreadable('it is not a dbt project')
  const own = document.get('vars')
  if (own !== undefined && own !== null && !isMap(own)) throw unreadable('vars is not a list of names and values')
  const added: string[] = []
  const different: ProjectFile['different'][number][] = []
  for (const [name, known] of Object.entries(variables)) {
    const value = document.getIn(['vars', 'mixload', name]) ?? document.getIn(['vars', name])
    if (value === undefined || value === null) {
      if (!isMap(document.get('vars'))) document.set('vars', document.createNode({}))
      document.setIn(['vars', name], known)
      added.push(name)
    } else if (String(value) !== known) different.push({ name, value: String(value), known })
  }
  return { text: added.length === 0 ? text : document.toString({ lineWidth: 0 }), added, different }
}
