/** The words of lint/words.yml, as a table for CONTRIBUTING.md. */
import { WORDS } from '../../lint/words.ts'
import { section, table } from './markdown.ts'

/** The page with the table as the list is now. */
export function withWordsTable(page: string): string {
  const rows = WORDS.map(({ avoid, write, reason }) => [avoid, write, reason])
  return section(page, 'words', table(['Avoid', 'Write', 'Because'], rows))
}
