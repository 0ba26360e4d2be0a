import { expect, it } from 'vitest'
import { groupStreams } from '../../lib/streams/engage.ts'

it('the tables of groups keep the names that they have always had', () => {
  const groups = { company_id: '-1', 'Company (id)': '-2', 'company id': '-3', $team: '-4', größe: '-5' }
  expect(groupStreams({ groups }).map(({ name }) => name)).toEqual([
    'group_company_id',
    'group_company_id_',
    'group_company_id_2',
    'group_team',
    'group_größe',
  ])
})
