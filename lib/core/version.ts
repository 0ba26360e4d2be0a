/** The version in package.json, as a constant, so that a bundle needs no other file. */
export const VERSION = '0.1.0'
