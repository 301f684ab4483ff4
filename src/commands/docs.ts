import { assetNames, readAsset } from '../shared/assets.ts'
import { AppError } from '../shared/errors.ts'
import type { Command } from './command.ts'

/** `provisioner docs [TOPIC]`: the manual, readable on a host without a network. */
export const docs: Command = {
  name: 'docs',
  summary: 'Read the manual: without a topic its table of contents',
  positionals: ['TOPIC?'],
  options: {},
  examples: ['provisioner docs', 'provisioner docs configuration | less'],
  async run(invocation) {
    const wanted = invocation.arg('TOPIC')
    const topics = topicsOf(assetNames('docs'))
    if (wanted === '') {
      const rows = topics.map(({ topic, title }) => `  ${topic.padEnd(52)} ${title}\n`)
      invocation.io.out(`Topics\n${rows.join('')}\nSee "provisioner docs TOPIC".\n`)
      return 0
    }
    const found = topics.find(({ topic }) => topic === wanted)
    if (found === undefined)
      throw new AppError('not-found', `Cannot find the topic "${wanted}". See "provisioner docs"`)
    invocation.io.out(readAsset(found.asset).toString('utf8'))
    return 0
  },
}

interface Topic {
  readonly topic: string
  readonly title: string
  readonly asset: string
}

/** `docs/decisions/0001-x.md` is the topic `decisions/0001-x`; its title is the page's first heading. */
function topicsOf(assets: readonly string[]): Topic[] {
  return assets
    .filter((asset) => asset.endsWith('.md'))
    .map((asset) => {
      const title = /^# (.+)$/m.exec(readAsset(asset).toString('utf8'))?.[1] ?? ''
      return { topic: asset.slice('docs/'.length, -'.md'.length), title, asset }
    })
}
