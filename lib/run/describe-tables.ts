import { isFailure, MixloadError } from '../core/errors.ts'
import {
  type CommentScope,
  commentsOn,
  commentsOnKnown,
  commentsToWrite,
  type DescribedTable,
  type WantedComments,
} from '../describe/comments.ts'
import { type KnownTable, knownTables, LEDGER_TABLES, OTHER_VIEWS } from '../describe/known-tables.ts'
import { type Lexicon, NO_LEXICON, propertiesIn } from '../describe/lexicon.ts'
import type { Comments } from '../destination/contract.ts'
import type { Warehouse } from '../destination/warehouse.ts'
import { STREAMS } from '../settings.ts'
import { streamsOf, tableNames } from '../streams/index.ts'
import type { Stream } from '../streams/stream.ts'
import { COMPANIONS_VIEW, MORE_VIEW } from '../views/stray-values.ts'
import { viewsOfStrayValues, viewsOver } from '../views/views.ts'
import { readLexicon } from './read-lexicon.ts'
import type { Session } from './session.ts'

/**
 * Makes the views of all tables together, and writes the missing comments on the tables of these
 * streams, on the views over them, and on the ledger. A failure is a warning: the rows are loaded.
 */
export async function describeLoaded(
  session: Session,
  destination: Warehouse,
  streams: readonly Stream[],
): Promise<void> {
  const { signal, onProgress } = session
  try {
    const lexiconOf = async () => {
      try {
        return await readLexicon(session)
      } catch (error) {
        if (!isFailure(error, 'CONFIG_INVALID', 'CREDENTIALS_REFUSED')) throw error
        onProgress({ kind: 'warning', message: error.message })
        return undefined
      }
    }
    const views = await viewsOfStrayValues(destination, session.settings)
    if ((await destination.allLoads()).length === 0) return
    await destination.putViews(views)
    await describe(session, destination, streams, 'missing', lexiconOf)
  } catch (error) {
    if (signal.aborted || !(error instanceof MixloadError)) throw error
    const message = `${error.message} The tables are loaded. The next run, or mixload views, describes them.`
    onProgress({ kind: 'warning', message })
  }
}

/** Writes all comments again. @throws MixloadError */
export async function describeAll(session: Session, destination: Warehouse): Promise<void> {
  const { settings } = session
  const streams = STREAMS.flatMap((name) => streamsOf(name, settings))
  const lexicon = settings.lexicon ? await readLexicon(session) : NO_LEXICON
  // Without the Lexicon, its words of an earlier run must stay.
  await describe(session, destination, streams, lexicon === undefined ? 'missing' : 'all', async () => lexicon)
}

async function describe(
  { settings }: Session,
  destination: Warehouse,
  streams: readonly Stream[],
  scope: CommentScope,
  lexiconOf: () => Promise<Lexicon | undefined>,
): Promise<void> {
  const tables = await tablesOf(destination, knownTables(settings), tableNames(streams, settings))
  // Views that no single table has.
  const ofAll = OTHER_VIEWS.filter(({ name }) => name === MORE_VIEW || name === COMPANIONS_VIEW)
  const changesIn = async (lexicon: Lexicon, existing?: readonly Comments[]) => {
    const wanted = tables.flatMap((table) => commentsOn({ ...table, lexicon: propertiesIn(lexicon, table.known.name) }))
    const all: readonly WantedComments[] = [...wanted, ...[...ofAll, ...LEDGER_TABLES].map(commentsOnKnown)]
    const found = existing ?? (await destination.comments(all.map(({ name }) => name)))
    return { found, changes: commentsToWrite(all, found, scope, destination.capabilities.commentBytesMax) }
  }
  const plain = await changesIn(NO_LEXICON)
  const lexicon = settings.lexicon && plain.changes.length > 0 ? await lexiconOf() : undefined
  const { changes } = lexicon === undefined ? plain : await changesIn(lexicon, plain.found)
  if (changes.length > 0) await destination.putComments(changes)
}

/** The existing ones of these tables, with the views over them. */
async function tablesOf(
  destination: Warehouse,
  known: readonly KnownTable[],
  names: readonly string[],
): Promise<readonly Omit<DescribedTable, 'lexicon'>[]> {
  const found: Omit<DescribedTable, 'lexicon'>[] = []
  for (const name of names) {
    const table = known.find((candidate) => candidate.name === name)
    const columns = await destination.columns(name)
    if (table === undefined || columns.length === 0) continue
    const views = (await viewsOver(destination, name)).map(({ name: view }) => view)
    const isView = ({ name: view }: KnownTable) => views.includes(view)
    found.push({ known: table, columns, views: [...OTHER_VIEWS.filter(isView), ...known.filter(isView)] })
  }
  return found
}
