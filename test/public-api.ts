import { dirname } from 'node:path'
import { isIdentifier, isTypeQueryNode, type Node } from 'typescript/unstable/ast'
import { API, type Checker, type Project, SymbolFlags, type Symbol as TypeSymbol } from 'typescript/unstable/sync'

/** Names of types. Type parameters, members and parameters are not among them. */
const TYPES = SymbolFlags.Class | SymbolFlags.Interface | SymbolFlags.TypeAlias | SymbolFlags.Enum
const VALUES = SymbolFlags.BlockScopedVariable | SymbolFlags.Function

/** Packages whose types may appear in a signature: every user of mixload has them. */
const EXPECTED_PACKAGES = ['/node_modules/@types/node/', '/node_modules/undici-types/']

/**
 * Returns what is wrong with the exports of declaration files: names without documentation, and
 * signatures that mention a type that is not exported from the same file. `config` is the
 * tsconfig.json of a project that imports them.
 */
export function problemsInExports(config: string, files: Readonly<Record<string, string>>): readonly string[] {
  const api = new API({ cwd: dirname(config) })
  try {
    const project = api.updateSnapshot({ openProjects: [config] }).getProject(config)
    if (project === undefined) throw new Error(`TypeScript does not open ${config}.`)
    return Object.entries(files).flatMap(([name, file]) =>
      problemsInFile(project, file).map((problem) => `${name}: ${problem}`),
    )
  } finally {
    api.close()
  }
}

function problemsInFile(project: Project, file: string): readonly string[] {
  const { checker, program } = project
  const source = program.getSourceFile(file)
  const module = source === undefined ? undefined : checker.getSymbolAtLocation(source)
  if (module === undefined) throw new Error(`${file} is not a module of the project.`)
  const exported = checker
    .getExportsOfModule(module)
    .map((symbol) => ({ name: symbol.name, symbol: resolve(checker, symbol) }))
  const ids = new Set(exported.map(({ symbol }) => symbol.id))
  return exported.flatMap(({ name, symbol }) => {
    const undocumented = symbol.getDocumentationComment(checker) === '' ? [`${name} has no documentation`] : []
    const declarations = symbol.declarations.flatMap((handle) => handle.resolve(project) ?? [])
    const mentioned = new Set(declarations.flatMap((declaration) => mentionedTypes(project, declaration, ids)))
    return [...undocumented, ...[...mentioned].map((type) => `${name} mentions ${type}, which is not exported`)]
  })
}

/**
 * Returns the names of types in a declaration that are neither exported nor known to every user.
 */
function mentionedTypes(
  { checker, program }: Project,
  declaration: Node,
  exported: ReadonlySet<number>,
): readonly string[] {
  return identifiersIn(declaration).flatMap((identifier) => {
    const found = checker.getSymbolAtLocation(identifier)
    if (found === undefined) return []
    const symbol = resolve(checker, found)
    const kinds = isTypeQueryNode(identifier.parent) ? TYPES | VALUES : TYPES
    if ((symbol.flags & kinds) === 0 || exported.has(symbol.id)) return []
    const isKnown = symbol.declarations.every(({ path }) => {
      const file = program.getSourceFile(path)
      const isLibrary = file !== undefined && program.isSourceFileDefaultLibrary(file)
      return isLibrary || EXPECTED_PACKAGES.some((folder) => path.includes(folder))
    })
    return isKnown ? [] : [symbol.name]
  })
}

function identifiersIn(node: Node): readonly Node[] {
  const found: Node[] = isIdentifier(node) ? [node] : []
  node.forEachChild((child) => void found.push(...identifiersIn(child)))
  return found
}

function resolve(checker: Checker, symbol: TypeSymbol): TypeSymbol {
  return (symbol.flags & SymbolFlags.Alias) === 0 ? symbol : checker.getAliasedSymbol(symbol)
}
