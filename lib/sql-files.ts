import { existsSync, readFileSync } from 'node:fs'
import { packagePath } from './package-root.ts'

/**
 * The text of `sql/<dialect>/<name>.sql`, or of `sql/common/<name>.sql` where the dialect needs no text of its own, with
 * each `{{key}}` filled in. Values must be quoted already.
 */
export function sqlText(dialect: string, name: string, values: Readonly<Record<string, string>>): string {
  const own = packagePath('sql', dialect, `${name}.sql`)
  const text = readFileSync(existsSync(own) ? own : packagePath('sql', 'common', `${name}.sql`), 'utf8')
  return text.replace(/\{\{(\w+)\}\}/g, (_, key: string) => {
    const value = values[key]
    if (value === undefined) throw new TypeError(`sql/${name}.sql asks for ${key}, which is not given`)
    return value
  })
}
