/** What every entry point of the package exports of errors. */
export {
  ERROR_CODES,
  type ErrorCode,
  type ErrorDetails,
  type ErrorHandling,
  isFailure,
  MixloadError,
} from './errors.ts'
