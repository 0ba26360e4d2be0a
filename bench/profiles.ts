import { existsSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { Random } from './random.ts'
import * as values from './values.ts'

/** Part of the file names. Increase it when the pages change, so that old files are not used. */
const VERSION = 1

/** The size of Mixpanel's pages. */
const PAGE_SIZE = 1000

/** A set of generated profiles. */
export interface ProfileSet {
  readonly name: string
  readonly profiles: number
}

export const PROFILES: ProfileSet = { name: 'engage', profiles: 200_000 }
/** Only with `--large`. It shows whether memory grows with the number of profiles. */
export const MANY_PROFILES: ProfileSet = { name: 'engage-large', profiles: 800_000 }

/** Profiles of a web shop, of about 650 bytes each. */
const PROPERTIES: Readonly<Record<string, values.Value>> = {
  $email: values.token(18),
  $first_name: values.textOf('Ada', 'Zoë', 'João', '花子', 'Jan', 'Łucja'),
  $last_name: values.token(9),
  $created: values.day,
  $last_seen: values.textOf('2026-08-20T23:08:40', '2026-08-21T07:11:02', '2026-08-29T16:45:10'),
  $city: values.sometimesNull(3, values.textOf('Berlin', 'Zürich', 'São Paulo', 'Tokyo', '大阪市', 'New York')),
  $region: values.textOf('Berlin', 'Île-de-France', 'Kantō', 'Zürich'),
  $country_code: values.textOf('DE', 'CH', 'BR', 'JP', 'US', 'FR'),
  $timezone: values.textOf('Europe/Berlin', 'America/Sao_Paulo', 'Asia/Tokyo'),
  $os: values.textOf('iOS', 'Android', 'Windows', 'Mac OS X'),
  $browser: values.textOf('Chrome', 'Safari', 'Firefox'),
  $browser_version: values.integer(90, 126),
  plan: values.textOf('free', 'pro', 'team'),
  seats: values.integer(1, 50),
  beta: values.boolean,
  revenue: values.decimal(5000),
  tags: values.list(values.textOf('sale', 'new', 'gift', 'eco'), 3),
  address: values.object({ zip: values.token(5), street: values.token(14), number: values.integer(1, 200) }),
  note: values.sometimesNull(60, values.token(40)),
  source: values.textOf('ads', 'organic', 'say "hi"'),
  score: values.decimal(1),
  last_order: values.sometimesNull(40, values.day),
}

/**
 * Generates the pages of a set under `parent`, unless they exist, and returns their files in order.
 */
export async function profilePages({ name, profiles }: ProfileSet, parent: string): Promise<readonly string[]> {
  const directory = join(parent, `${name}-v${VERSION}-${profiles}`)
  const files = Array.from(
    { length: Math.ceil(profiles / PAGE_SIZE) },
    (_, page) => `${String(page).padStart(5, '0')}.json.gz`,
  )
  if (!existsSync(directory)) {
    // The directory is renamed last, so that an interrupted run leaves no directory that looks
    // complete.
    const unfinished = `${directory}.unfinished`
    await rm(unfinished, { recursive: true, force: true })
    await mkdir(unfinished, { recursive: true })
    const random = new Random(3)
    for (const [page, file] of files.entries()) {
      await writeFile(join(unfinished, file), gzipSync(pageText(page, profiles, random)))
    }
    await rename(unfinished, directory)
  }
  return files.map((file) => join(directory, file))
}

/** As in Mixpanel, only the first page has the total. */
function pageText(page: number, profiles: number, random: Random): string {
  const first = page * PAGE_SIZE
  const count = Math.min(PAGE_SIZE, profiles - first)
  const results = Array.from({ length: count }, (_, index) => profileText(first + index, random))
  const envelope = {
    page,
    session_id: 'bench',
    status: 'ok',
    ...(page === 0 ? { page_size: PAGE_SIZE, total: profiles } : {}),
  }
  return `${JSON.stringify(envelope).slice(0, -1)},"results":[${results.join(',')}]}`
}

function profileText(number: number, random: Random): string {
  const entries = Object.entries(PROPERTIES).map(([name, value]) => `${JSON.stringify(name)}:${value(random)}`)
  return `{"$distinct_id":"user-${number}-${random.token(8)}","$properties":{${entries.join(',')}}}`
}
