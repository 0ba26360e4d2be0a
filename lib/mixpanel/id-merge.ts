/** The ways in which Mixpanel merges ids. A project has one of them for good. */
export const ID_MERGES = ['original', 'simplified'] as const

/** How a project merges ids, or `auto` if its events show it. */
export type IdMerge = (typeof ID_MERGES)[number] | 'auto'
