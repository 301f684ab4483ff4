import { UNKNOWN_ARTIFACT } from '../oci/files.ts'
import { archiveFiles } from '../oci/layout/archive.ts'
import { directoryFiles } from '../oci/layout/directory.ts'
import { layoutSource } from '../oci/layout/layout-source.ts'
import { parseLocation } from '../oci/location.ts'
import { listRepositories, listTags, remoteSource } from '../oci/remote-source.ts'
import { AppError } from '../shared/errors.ts'
import { answer, JSON_OPTION } from './answer.ts'
import { COPY_OPTIONS, REGISTRY_OPTIONS, registryClients } from './artifact-access.ts'
import { runTransfer } from './artifact-transfer.ts'
import type { Command, CommandGroup, Invocation } from './command.ts'

const push: Command = {
  name: 'artifact push',
  summary: 'Push files as one OCI artifact, a layer each; the same files give the same digest',
  positionals: ['FILE...', 'REF'],
  options: {
    type: { value: 'MEDIA-TYPE', default: 'application/octet-stream', doc: 'Media type of the files' },
    'artifact-type': { value: 'MEDIA-TYPE', default: UNKNOWN_ARTIFACT, doc: 'What the artifact is' },
    ...REGISTRY_OPTIONS,
    ...JSON_OPTION,
  },
  examples: [
    'provisioner artifact push --artifact-type application/vnd.diskimage.raw disk.raw.zst oci://192.0.2.1:5000/os/debian:13',
    'provisioner artifact push rootfs.tar.zst oci-layout:./transport:13',
  ],
  async run(invocation) {
    const pack = { mediaType: invocation.required('type'), artifactType: invocation.required('artifact-type') }
    const target = parseLocation(invocation.arg('REF'))
    return runTransfer(invocation, { from: { files: invocation.args('FILE'), pack }, target, referrers: false })
  },
}

const pull: Command = {
  name: 'artifact pull',
  summary: 'Write the files of an artifact into a directory, verified; a broken pull goes on where it was',
  positionals: ['REF', 'DIR'],
  options: {
    platform: { value: 'OS/ARCH', doc: 'Which image of an index (default: the one for this host)' },
    ...REGISTRY_OPTIONS,
    ...JSON_OPTION,
  },
  examples: ['provisioner artifact pull oci://192.0.2.1:5000/os/debian:13 ./images'],
  async run(invocation) {
    const target = { kind: 'file', path: invocation.arg('DIR') } as const
    return runTransfer(invocation, { from: parseLocation(invocation.arg('REF')), target, referrers: false })
  },
}

const copy: Command = {
  name: 'artifact copy',
  summary: 'Copy images and artifacts between registries, OCI layouts, archives and files, with their signatures',
  positionals: ['SRC', 'DST'],
  options: {
    'no-referrers': { doc: 'Leave signatures, attestations, SBOMs and other referrers behind' },
    platform: { value: 'OS/ARCH', doc: 'Only this image of an index (default: all)' },
    ...COPY_OPTIONS,
    ...JSON_OPTION,
  },
  examples: [
    'provisioner artifact copy oci://quay.example/os/debian:13 oci-archive:debian.tar:13',
    'provisioner artifact copy oci-archive:debian.tar oci://192.0.2.1:5000/os/debian',
    'provisioner artifact copy --platform linux/arm64 oci://a.example/tools:1 oci-layout:./transport',
  ],
  async run(invocation) {
    const [from, target] = [parseLocation(invocation.arg('SRC')), parseLocation(invocation.arg('DST'))]
    return runTransfer(invocation, { from, target, referrers: !invocation.flag('no-referrers') })
  },
}

const list: Command = {
  name: 'artifact list',
  summary: 'List the repositories of a registry, the tags of a repository, or what is in a layout or an archive',
  positionals: ['WHERE'],
  options: { ...REGISTRY_OPTIONS, ...JSON_OPTION },
  examples: [
    'provisioner artifact list oci://192.0.2.1:5000',
    'provisioner artifact list oci://192.0.2.1:5000/os/debian',
    'provisioner artifact list oci-archive:debian.tar',
  ],
  run: runList,
}

export const artifact: CommandGroup = {
  name: 'artifact',
  commands: [push, pull, list, copy],
}

async function runList(invocation: Invocation): Promise<number> {
  const where = invocation.arg('WHERE')
  const host = /^(?:oci:\/\/)?([^/]+)\/?$/.exec(where)?.[1]
  const isLocal = /^(oci-layout|oci-archive|file):/.test(where)
  const names =
    host !== undefined && !isLocal ? await repositoriesOf(invocation, host) : await namesIn(invocation, where)
  answer(invocation, names, () =>
    names.map((entry) => `${typeof entry === 'string' ? entry : entryLine(entry)}\n`).join(''),
  )
  return 0
}

type Entry = { readonly tag: string | null; readonly digest: string }

async function repositoriesOf(invocation: Invocation, host: string): Promise<string[]> {
  const clients = await registryClients(invocation)
  try {
    const registry = await clients.open({ host, repository: '', tag: undefined, digest: undefined })
    return await listRepositories(registry, invocation.signal)
  } finally {
    clients.close()
  }
}

async function namesIn(invocation: Invocation, where: string): Promise<(string | Entry)[]> {
  const location = parseLocation(where)
  if (location.kind === 'file') throw invocation.usage('files are not listed, but a registry, a layout or an archive')
  if (location.kind !== 'registry') {
    const files = location.kind === 'layout' ? directoryFiles(location.path) : await archiveFiles(location.path)
    try {
      const { entries } = await layoutSource(files)
      return entries.map(({ tag = null, digest }) => ({ tag, digest }))
    } finally {
      await files.close()
    }
  }
  const clients = await registryClients(invocation)
  try {
    const repository = await clients.open(location.reference)
    if (location.named === undefined) return await listTags(repository, invocation.signal)
    const found = await remoteSource(repository).manifest(location.named, invocation.signal)
    if (found === undefined) throw new AppError('not-found', `Cannot find "${location.named}" in ${where}`)
    return [{ tag: location.reference.tag ?? null, digest: found.digest }]
  } finally {
    clients.close()
  }
}

function entryLine({ tag, digest }: Entry): string {
  return `${(tag ?? '-').padEnd(24)} ${digest}`
}
