import { Hono } from 'hono'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { problemResponse } from '../../../src/server/http/problem.ts'
import { AppError } from '../../../src/shared/errors.ts'

async function told(error: Error): Promise<[number, unknown]> {
  const app = new Hono()
  app.onError((thrown, c) => problemResponse(thrown, c, pino({ level: 'silent' })))
  app.get('/', () => {
    throw error
  })
  const answer = await app.request('/')
  return [answer.status, await answer.json()]
}

test('an error that nobody has thought of has a code and none of its words', async () => {
  const [status, problem] = await told(new Error('the password is hunter2'))
  expect([status, problem]).toMatchObject([500, { code: 'internal', type: '/errors/internal', status: 500 }])
  expect(JSON.stringify(problem)).not.toContain('hunter2')
})

test('problems that are not shown are counted', async () => {
  const problems = Array.from({ length: 130 }, (_, index) => ({ path: `/${index}`, code: 'x', message: 'is wrong' }))
  const [, problem] = await told(new AppError('recipe-invalid', 'Cannot use the recipe', { problems }))
  const { details } = problem as { details: unknown[] }
  expect(details).toHaveLength(101)
  expect(details.at(-1)).toEqual({ path: '', code: 'more', message: 'and 30 more problems' })
})
