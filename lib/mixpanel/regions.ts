/** The regions in which Mixpanel stores data. */
export const REGIONS = ['us', 'eu', 'in'] as const

/** Where a project's data lives. */
export type Region = (typeof REGIONS)[number]

/** Base URLs of the families of Mixpanel's API, without a slash at the end. */
export interface ApiHosts {
  /** Raw event export. */
  readonly data: string
  /** Query API and app API. */
  readonly app: string
}

/** The hosts of a region; with `apiUrl`, that URL instead of each of them. */
export function apiHosts(region: Region, apiUrl?: string): ApiHosts {
  if (apiUrl !== undefined) {
    const base = apiUrl.replace(/\/+$/, '')
    return { data: base, app: base }
  }
  if (region === 'us') return { data: 'https://data.mixpanel.com', app: 'https://mixpanel.com' }
  return { data: `https://data-${region}.mixpanel.com`, app: `https://${region}.mixpanel.com` }
}

/** The host of a region's ingestion API; with `apiUrl`, that URL instead. */
export function ingestionHost(region: Region, apiUrl?: string): string {
  if (apiUrl !== undefined) return apiUrl.replace(/\/+$/, '')
  return region === 'us' ? 'https://api.mixpanel.com' : `https://api-${region}.mixpanel.com`
}
