import { access, constants } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../shared/errors.ts'
import { programs } from '../shared/exec.ts'

export type FileSystem = 'erofs' | 'squashfs'

/** The same for every image: the file system is found by where it lies, never by its number. */
const UUID = '6d61696e-7465-4e61-8e63-652d6f732d31'

/**
 * Reads a tar on its standard input and writes the file system, the same bytes for the same tar. lz4: half a minute to
 * build and little work for every boot; zstd of squashfs is a quarter smaller and takes three times as long.
 */
const MAKE = {
  erofs: {
    package: 'erofs-utils',
    argv: (out: string) => ['mkfs.erofs', '--quiet', '--tar=f', '-zlz4', '-C65536', '-T0', '-U', UUID, out],
  },
  squashfs: {
    package: 'squashfs-tools',
    argv: (out: string) => [
      ...['mksquashfs', '-', out, '-tar', '-comp', 'zstd', '-Xcompression-level', '6', '-no-progress', '-quiet'],
      ...[
        '-reproducible',
        '-all-time',
        '0',
        '-mkfs-time',
        '0',
        '-root-uid',
        '0',
        '-root-gid',
        '0',
        '-root-mode',
        '755',
      ],
    ],
  },
} as const satisfies Record<FileSystem, { readonly package: string; readonly argv: (out: string) => string[] }>

export interface MakeOptions {
  readonly fileSystem: FileSystem
  /** `PATH` of the environment. */
  readonly path: string
  readonly say: (line: string) => void
}

/** Pipes a tar into the program that makes the file system. No root rights. @throws `program-failed` */
export async function makeFileSystem(
  tar: AsyncIterable<Uint8Array>,
  out: string,
  { fileSystem, path, say }: MakeOptions,
  signal: AbortSignal,
): Promise<void> {
  const [program, ...args] = MAKE[fileSystem].argv(out)
  await requireProgram(program, fileSystem, path)
  await programs(say).feed({ argv: [program ?? '', ...args] }, tar, signal)
}

/** Says before anything is downloaded or unpacked that a program is missing. @throws `program-failed` */
export async function requireMaker(fileSystem: FileSystem, path: string): Promise<void> {
  await requireProgram(MAKE[fileSystem].argv('')[0], fileSystem, path)
}

async function requireProgram(program: string | undefined, fileSystem: FileSystem, path: string): Promise<void> {
  for (const directory of path.split(':')) {
    const found = await access(join(directory, program ?? ''), constants.X_OK).then(
      () => true,
      () => false,
    )
    if (found && directory !== '') return
  }
  const state = `there is no program "${program}" in PATH; the package ${MAKE[fileSystem].package} brings it`
  throw new AppError('program-failed', `Cannot make an ${fileSystem} file system: ${state}`)
}
