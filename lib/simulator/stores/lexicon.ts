/** A Lexicon entry: the description of an event, or of profiles (`$user`). */
export interface LexiconEntry {
  readonly entityType: 'event' | 'profile' | 'custom_event'
  readonly name: string
  readonly schemaJson: Readonly<Record<string, unknown>>
}
