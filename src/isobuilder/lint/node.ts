import type { Style } from './identifiers.ts'
import type { RockRidge } from './rock-ridge.ts'

/** A run of sectors. */
export interface Extent {
  readonly sector: number
  readonly bytes: number
}

/** One file, directory or link of one tree. */
export interface Node {
  /** Relative to the root, without a slash at the start; in the names of Rock Ridge if there are any. */
  readonly path: string
  readonly name: string
  readonly identifier: Buffer
  readonly kind: 'file' | 'directory' | 'symlink' | 'other'
  /** In order. */
  readonly sections: readonly Extent[]
  /** Bytes of all sections. */
  readonly size: number
  /** Seven bytes as hexadecimal digits. */
  readonly date: string
  /** Byte of the image where its record stands. */
  readonly offset: number
  readonly rockRidge: RockRidge | undefined
}

/** The record "." or "..". */
export interface Dot {
  readonly date: string
  readonly offset: number
  /** What it stands for. */
  readonly of: Node
  readonly rockRidge: RockRidge | undefined
}

export interface DirectoryNode extends Node {
  readonly dots: readonly Dot[]
  /** In record order. */
  readonly children: readonly Node[]
  readonly parent: DirectoryNode
  readonly depth: number
}

export interface Tree {
  readonly style: Style
  readonly hasRockRidge: boolean
  /** In the order a path table must have: by depth, then parent, then identifier (ECMA-119 6.9.1). */
  readonly directories: readonly DirectoryNode[]
  readonly root: DirectoryNode
}

/** What is known of a directory before its records are read. */
export interface Opening {
  readonly node: Node
  readonly parent: DirectoryNode | undefined
  readonly depth: number
}
