import type { CatalogueEntry } from './catalogue.ts'

const text = (description: string): CatalogueEntry => ({ type: 'text', description })
const json = (description: string): CatalogueEntry => ({ type: 'json', description })
const varying = (description: string): CatalogueEntry => ({ description })

/**
 * Reserved and default properties of profiles, by Mixpanel's property reference. Dates of profiles
 * are texts without a zone, and it is not known which one they mean, so they stay what they are.
 */
export const PROFILE_PROPERTIES: Readonly<Record<string, CatalogueEntry>> = {
  $name: text('Full name'),
  $first_name: text('First name'),
  $last_name: text('Last name'),
  $email: text('E-mail address'),
  $phone: text('Telephone number, with + and the code of the country'),
  $avatar: text('Address of a picture'),
  $created: text('When the person signed up, as the sender wrote it'),
  $mp_first_event_time: text('When the person was first seen'),
  $last_seen: text('When the profile was last changed, as Mixpanel writes it'),
  $city: text('City'),
  $region: text('Region or state'),
  $country_code: text('Country, two letters'),
  $timezone: text('Time zone'),
  $geo_source: text('What the place was found from'),
  $os: text('Operating system'),
  $browser: text('Browser'),
  $browser_version: varying('Version of the browser; a number from some libraries, text from others'),
  $initial_referrer: text('Referrer of the first visit; $direct when there was none'),
  $initial_referring_domain: text('Domain of the referrer of the first visit; $direct when there was none'),
  initial_utm_source: text('Campaign source of the first visit'),
  initial_utm_medium: text('Campaign medium of the first visit'),
  initial_utm_campaign: text('Campaign name of the first visit'),
  initial_utm_content: text('Campaign content of the first visit'),
  initial_utm_term: text('Campaign term of the first visit'),
  $lib_version: text('Version of the library that changed the profile'),
  $android_lib_version: text('Version of the Android library'),
  $ios_lib_version: text('Version of the iOS library'),
  $swift_lib_version: text('Version of the Swift library'),
  $android_os: text('Operating system, on Android'),
  $android_os_version: text('Its version'),
  $android_app_version: text('Version of the Android app'),
  $android_app_version_code: varying('Build number of the Android app'),
  $android_manufacturer: text('Maker of the Android device'),
  $android_brand: text('Brand of the Android device'),
  $android_model: text('Model of the Android device'),
  $ios_version: text('Version of iOS'),
  $ios_app_release: text('Build of the iOS app'),
  $ios_app_version: text('Version of the iOS app'),
  $ios_device_model: text('Model of the iOS device'),
  $android_devices: json('Push tokens of Android devices'),
  $ios_devices: json('Push tokens of iOS devices'),
  $transactions: json('What the person paid: a list of $amount and $time'),
  $group_key: text('Of a group: the property whose values the groups are'),
  $group_id: varying('Of a group: its value'),
}
