/** The value of a variable; undefined if it is not set. */
export type VariableLookup = (name: string) => string | undefined

/** A text with the values of its variables, or what is wrong with it. */
export type Inserted = { readonly text: string } | { readonly problem: string }

const OPENING = '${'
const VARIABLE = /\$\$\{|\$\{(?:([A-Za-z_]\w*)(?::-([^}]*))?\})?/g

/**
 * Replaces `${NAME}` and `${NAME:-default}` by the value of the variable. A default counts where it
 * is not set or empty. `$${` stands for `${`. No value appears in a problem.
 */
export function insertVariables(text: string, lookUp: VariableLookup): Inserted {
  let problem: string | undefined
  const inserted = text.replace(VARIABLE, (found, name: string | undefined, otherwise: string | undefined) => {
    if (found === '$${') return OPENING
    if (name === undefined) {
      problem ??= `has ${OPENING} without a variable. Write ${OPENING}NAME} or ${OPENING}NAME:-default}, or $${OPENING} for ${OPENING} itself`
      return ''
    }
    // As elsewhere, an empty variable counts as not set.
    const value = lookUp(name) || otherwise
    if (value === undefined)
      problem ??= `uses the variable ${name}, which is not set. Set it in the environment or in .env beside the file, or write ${OPENING}${name}:-default}`
    return value ?? ''
  })
  return problem === undefined ? { text: inserted } : { problem }
}

/** Whether a text has something to replace. */
export function hasVariables(text: string): boolean {
  return text.includes(OPENING)
}
