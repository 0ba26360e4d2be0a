import { pathToFileURL } from 'node:url'
import { MixloadError, messageOf } from '../../lib/core/errors.ts'
import type {
  CreateDestination,
  Destination,
  DestinationOptions,
  DestinationSupports,
} from '../../lib/destination/contract.ts'
import { adapted } from './adapted.ts'
import { resolvePackage } from './resolve.ts'

const METHODS = [
  'open',
  'openToRead',
  'columns',
  'addColumns',
  'ledger',
  'load',
  'pathInViews',
  'putViews',
  'query',
] as const

/** What each part of `supports` is. */
const SUPPORTS: Readonly<Record<keyof DestinationSupports, 'string' | 'number' | 'boolean'>> = {
  dialect: 'string',
  nameQuote: 'string',
  identifierBytesMax: 'number',
  columnsMax: 'number',
  valuesPerRowMax: 'number',
  loadsPerDayMax: 'number',
  daysPerLoadMax: 'number',
  atomicReplace: 'boolean',
  atomicLedger: 'boolean',
  readersDuringLoad: 'boolean',
  queries: 'boolean',
}

/**
 * The destination of a URL `npm-package:NAME` or `npm-package:NAME?…`, which the package NAME makes. What follows the
 * name is the package's own business, and may be secret. `directory` is where the package is looked for first.
 */
export async function fromOptions(
  options: DestinationOptions,
  directory: string = process.cwd(),
): Promise<Destination> {
  const [name = ''] = options.url.slice('npm-package:'.length).split('?')
  if (name === '')
    throw new MixloadError(
      'CONFIG_INVALID',
      '--destination: npm-package: needs the name of a package: npm-package:NAME.',
    )
  const create = await creatorOf(name, directory)
  const made = await attempt(`The package ${name} could not make a destination`, () => create(options))
  const lacking = lackingIn(made)
  if (lacking.length > 0) {
    const lacks = lacking.join(', ')
    throw new MixloadError(
      'CONFIG_INVALID',
      `What createDestination of ${name} gives is no destination: it lacks ${lacks}.`,
    )
  }
  return adapted(made as Destination)
}

async function creatorOf(name: string, directory: string): Promise<CreateDestination> {
  const path = resolvePackage(name, directory)
  const loaded = await attempt(`The package ${name} could not be loaded`, () => import(pathToFileURL(path).href))
  const create: unknown = loaded.createDestination ?? loaded.default?.createDestination
  if (typeof create === 'function') return create as CreateDestination
  throw new MixloadError(
    'CONFIG_INVALID',
    `The package ${name} exports no function createDestination, so it is no destination for mixload (${path}).`,
  )
}

/** Runs code of the package. What it throws is a failure of the configuration, unless it is one of mixload's own. */
async function attempt<T>(what: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof MixloadError) throw error
    throw new MixloadError('CONFIG_INVALID', `${what}: ${messageOf(error)}`, { cause: error })
  }
}

/** The names of all that a destination must have and this one has not. */
function lackingIn(made: unknown): readonly string[] {
  if (typeof made !== 'object' || made === null) return ['everything: it is no object']
  const given = made as Readonly<Record<PropertyKey, unknown>>
  const supports = (given.supports ?? {}) as Readonly<Record<string, unknown>>
  return [
    ...(typeof given.description === 'string' ? [] : ['description']),
    ...Object.entries(SUPPORTS)
      .filter(([name, type]) => typeof supports[name] !== type)
      .map(([name]) => `supports.${name}`),
    ...METHODS.filter((name) => typeof given[name] !== 'function').map((name) => `${name}()`),
    ...(typeof given[Symbol.asyncDispose] === 'function' ? [] : ['[Symbol.asyncDispose]()']),
  ]
}
