import { pathToFileURL } from 'node:url'
import { MixloadError, messageOf } from '../../lib/core/errors.ts'
import { ENGINE_CAPABILITIES } from '../../lib/destination/capabilities.ts'
import type {
  CreateDriver,
  DestinationCapabilities,
  DestinationDriver,
  DestinationOptions,
} from '../../lib/destination/contract.ts'
import { resolvePackage } from './packages/resolve.ts'

const METHODS = ['connect', 'connectToRead', 'pathInViews'] as const

/** The capabilities that a driver must have. Only their names and types matter. */
const CAPABILITIES: DestinationCapabilities = {
  ...ENGINE_CAPABILITIES,
  atomicReplace: true,
  atomicLedger: true,
  readersDuringLoad: true,
  queries: true,
}

/**
 * The driver of a URL `npm-package:NAME` or `npm-package:NAME?…`, created by the package NAME. Only
 * the package reads what follows the name, which may be secret. The package is searched in
 * `directory` first.
 */
export async function createDriver(
  options: DestinationOptions,
  directory: string = process.cwd(),
): Promise<DestinationDriver> {
  const [name = ''] = options.url.slice('npm-package:'.length).split('?')
  if (name === '')
    throw new MixloadError(
      'CONFIG_INVALID',
      '--destination: npm-package: needs the name of a package: npm-package:NAME.',
    )
  const create = await creatorOf(name, directory)
  const made = await attempt(`The package ${name} could not make a driver`, () => create(options))
  const lacking = lackingIn(made)
  if (lacking.length > 0) {
    const lacks = lacking.join(', ')
    throw new MixloadError(
      'CONFIG_INVALID',
      `createDriver of the package ${name} did not return a driver. Missing: ${lacks}.`,
    )
  }
  return made as DestinationDriver
}

async function creatorOf(name: string, directory: string): Promise<CreateDriver> {
  const path = resolvePackage(name, directory)
  const loaded = await attempt(`The package ${name} could not be loaded`, () => import(pathToFileURL(path).href))
  const create: unknown = loaded.createDriver ?? loaded.default?.createDriver
  if (typeof create === 'function') return create as CreateDriver
  throw new MixloadError(
    'CONFIG_INVALID',
    `The package ${name} exports no function createDriver, so it is not a destination for mixload (${path}).`,
  )
}

/** Runs code of the package. Its errors become CONFIG_INVALID, but for those of mixload itself. */
async function attempt<T>(what: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof MixloadError) throw error
    throw new MixloadError('CONFIG_INVALID', `${what}: ${messageOf(error)}`, { cause: error })
  }
}

/** The names of the required members that a driver lacks. */
function lackingIn(made: unknown): readonly string[] {
  if (typeof made !== 'object' || made === null) return ['everything: it is not an object']
  const given = made as Readonly<Record<PropertyKey, unknown>>
  const capabilities = (given.capabilities ?? {}) as Readonly<Record<string, unknown>>
  return [
    ...(typeof given.description === 'string' ? [] : ['description']),
    ...Object.entries(CAPABILITIES)
      .filter(([name, value]) => typeof capabilities[name] !== typeof value)
      .map(([name]) => `capabilities.${name}`),
    ...METHODS.filter((name) => typeof given[name] !== 'function').map((name) => `${name}()`),
  ]
}
