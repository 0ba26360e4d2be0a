import { describe, expect, it } from 'vitest'
import { apiHosts, ingestionHost, REGIONS } from '../../lib/mixpanel/regions.ts'

describe('the hosts of a region', () => {
  it.each([
    ['us', 'https://data.mixpanel.com', 'https://mixpanel.com'],
    ['eu', 'https://data-eu.mixpanel.com', 'https://eu.mixpanel.com'],
    ['in', 'https://data-in.mixpanel.com', 'https://in.mixpanel.com'],
  ] as const)('%s are %s and %s', (region, data, app) => {
    expect(apiHosts(region)).toEqual({ data, app })
  })

  it('are all over https, without a slash at the end', () => {
    for (const region of REGIONS) {
      for (const host of Object.values(apiHosts(region))) expect(host).toMatch(/^https:\/\/[a-z.-]+[a-z]$/)
    }
  })

  it('are all the given address instead, in every region', () => {
    for (const region of REGIONS) {
      for (const url of ['http://127.0.0.1:8080', 'http://127.0.0.1:8080/', 'http://127.0.0.1:8080//']) {
        expect(apiHosts(region, url)).toEqual({ data: 'http://127.0.0.1:8080', app: 'http://127.0.0.1:8080' })
      }
      expect(apiHosts(region, 'https://proxy.test/mixpanel/').data).toBe('https://proxy.test/mixpanel')
    }
  })
})

describe('the host for sending', () => {
  it('is the one of the region, or the given address instead', () => {
    expect(REGIONS.map((region) => ingestionHost(region))).toEqual([
      'https://api.mixpanel.com',
      'https://api-eu.mixpanel.com',
      'https://api-in.mixpanel.com',
    ])
    expect(ingestionHost('eu', 'http://127.0.0.1:8080//')).toBe('http://127.0.0.1:8080')
  })
})
