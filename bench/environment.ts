/**
 * Returns this process's environment without settings of mixload, and without a proxy for local
 * servers.
 */
export function plainEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(MIXLOAD|MIXPANEL)_/i.test(name))
  return { ...Object.fromEntries(kept), NO_PROXY: '127.0.0.1', no_proxy: '127.0.0.1' }
}
