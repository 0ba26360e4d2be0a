/** What somebody has written into the Lexicon about an event, or about profiles (`$user`). */
export interface LexiconEntry {
  readonly entityType: 'event' | 'profile' | 'custom_event'
  readonly name: string
  readonly schemaJson: Readonly<Record<string, unknown>>
}
