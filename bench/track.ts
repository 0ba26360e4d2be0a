/**
 * `node bench/track.ts URL COUNT`: sends current events of about 650 bytes, one call of `track`
 * after the other.
 */
import { createClient } from '../lib/ingest/named-clients.ts'

const [, , apiUrl = '', count = '0'] = process.argv

await using client = createClient({ token: 'bench', apiUrl })
const start = Date.now()
for (let number = 0; number < Number(count); number++) {
  await client.track(
    'Page Viewed',
    {
      $browser: 'Chrome',
      $browser_version: 126,
      $city: 'Lyon',
      $current_url: `https://shop.example.com/products/${number % 1000}?utm_source=newsletter&utm_medium=email`,
      $device_id: `device-${number % 7000}`,
      $initial_referrer: '$direct',
      $os: 'Mac OS X',
      $screen_height: 1080,
      $screen_width: 1920,
      amount: number / 4,
      plan: number % 2 === 0 ? 'free' : 'pro',
      items: ['sku-1', 'sku-2', `sku-${number % 100}`],
      gift: number % 5 === 0,
      note: 'some words about what was seen, so that the event has the length of a usual one, and not much more',
    },
    { distinctId: `person-${number % 5000}`, time: start - (number % 3_600_000) },
  )
}
const { accepted } = await client.flush()
if (accepted !== Number(count)) throw new Error(`${accepted} of ${count} events were accepted`)
