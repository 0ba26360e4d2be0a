import { existsSync, readFileSync } from 'node:fs'
import { packagePath } from './package-root.ts'

/**
 * The text of `sql/<dialect>/<name>.sql`, or of `sql/common/<name>.sql` if the dialect has no file
 * of its own, with each `{{key}}` replaced. Values must already be quoted.
 */
export function sqlText(dialect: string, name: string, values: Readonly<Record<string, string>>): string {
  const own = textPath(dialect, name)
  const text = readFileSync(existsSync(own) ? own : textPath('common', name), 'utf8')
  return text.replace(/\{\{(\w+)\}\}/g, (_, key: string) => {
    const value = values[key]
    if (value === undefined) throw new TypeError(`sql/${name}.sql has {{${key}}}, but no value for it is given`)
    return value
  })
}

/** Whether the dialect, or `common`, has such a file. */
export function hasSqlText(dialect: string, name: string): boolean {
  return existsSync(textPath(dialect, name)) || existsSync(textPath('common', name))
}

function textPath(folder: string, name: string): string {
  return packagePath('sql', folder, `${name}.sql`)
}
