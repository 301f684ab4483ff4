import { expect, test } from 'vitest'
import { exposition } from '../../src/shared/prometheus.ts'

test('samples stand below the help and type of their metric, in the order of the table', () => {
  const table = {
    a_seconds: { type: 'histogram', help: 'How long.', labels: ['route'] },
    b_total: { type: 'counter', help: 'How many.', labels: ['name'] },
  } as const
  const text = exposition(table, [
    { name: 'b_total', labels: { name: 'say "hi"\\\n' }, value: 2 },
    { name: 'a_seconds_bucket', labels: { route: 'x', le: '+Inf' }, value: 1 },
    { name: 'a_seconds_sum', labels: { route: 'x' }, value: 0.5 },
  ])
  expect(text).toBe(
    [
      '# HELP a_seconds How long.',
      '# TYPE a_seconds histogram',
      'a_seconds_bucket{route="x",le="+Inf"} 1',
      'a_seconds_sum{route="x"} 0.5',
      '# HELP b_total How many.',
      '# TYPE b_total counter',
      'b_total{name="say \\"hi\\"\\\\\\n"} 2',
      '',
    ].join('\n'),
  )
})
