import { existsSync, readFileSync } from 'node:fs'
import { packagePath } from './package-root.ts'

/**
 * The text of `sql/<dialect>/<name>.sql`, or of `sql/common/<name>.sql` where the dialect needs no text of its own, with
 * each `{{key}}` filled in. Values must be quoted already.
 */
export function sqlText(dialect: string, name: string, values: Readonly<Record<string, string>>): string {
  const own = textPath(dialect, name)
  const text = readFileSync(existsSync(own) ? own : textPath('common', name), 'utf8')
  return text.replace(/\{\{(\w+)\}\}/g, (_, key: string) => {
    const value = values[key]
    if (value === undefined) throw new TypeError(`sql/${name}.sql asks for ${key}, which is not given`)
    return value
  })
}

/** Whether there is such a text, for the dialect or for all. */
export function hasSqlText(dialect: string, name: string): boolean {
  return existsSync(textPath(dialect, name)) || existsSync(textPath('common', name))
}

function textPath(folder: string, name: string): string {
  return packagePath('sql', folder, `${name}.sql`)
}
