/**
 * What the package exports: the errors that it throws. Its parts are exported under `mixload/…`.
 */
export {
  ERROR_CODES,
  type ErrorCode,
  type ErrorDetails,
  type ErrorHandling,
  isFailure,
  MixloadError,
} from './core/errors.ts'
