import { basic } from '../../registry/access/people.ts'
import type { Call } from './api-call.ts'

/** Every endpoint of accounts, once as it should be called and once as it should not. */
export async function accountTour(call: Call): Promise<void> {
  const path = (text: string) => `/api/v1${text}`
  const password = 'correct horse battery'
  for (const name of ['ann', 'ann', 'Not A Name'])
    await call('POST', path('/users'), { name, role: 'reader', password })
  for (const what of ['/users', '/users/ann', '/users/bob', '/audit?limit=5', '/audit?limit=0'])
    await call('GET', path(what))
  for (const name of ['ann', 'bob']) await call('PATCH', path(`/users/${name}`), { role: 'operator' })
  const ann = { authorization: basic(`ann:${password}`) }
  await call('GET', path('/whoami'), undefined, ann)
  await call('GET', path('/whoami'), undefined, { authorization: 'Bearer none' })
  const change = { password, new_password: `${password} staple` }
  await call('POST', path('/whoami/password'), change)
  await call('POST', path('/whoami/password'), change, ann)
  const made = await call('POST', path('/tokens'), { name: 'ci', owner: 'ann', role: 'reader' })
  const { id } = (await made.json()) as { id: string }
  await call('POST', path('/tokens'), { name: 'ci', owner: 'ann', role: 'admin' })
  await call('GET', path('/tokens'))
  await call('GET', path('/tokens?all=1'))
  for (const token of [id, id]) await call('DELETE', path(`/tokens/${token}`))
  await call('GET', path('/users?all=1'))
  for (const name of ['ann', 'ann']) await call('DELETE', path(`/users/${name}`))
  await call('GET', '/ca.pem')
  await call('GET', '/ca.pem?x=1')
}
