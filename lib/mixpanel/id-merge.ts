/** How a project merges ids, or `auto` if its events show it. */
export type IdMerge = 'original' | 'simplified' | 'auto'

/** The ways in which Mixpanel merges ids. A project has one of them for good. */
export const ID_MERGES = ['original', 'simplified'] as const satisfies readonly IdMerge[]
