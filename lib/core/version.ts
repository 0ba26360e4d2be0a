/**
 * The version of mixload, as in package.json. It is a constant, so that a bundle needs no other
 * file.
 */
export const VERSION = '0.1.0'
