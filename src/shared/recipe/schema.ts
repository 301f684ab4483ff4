/**
 * What a recipe may say, as JSON Schema draft-07. `assets/schema/recipe.schema.json` is this object printed (a test
 * compares them); it travels on every task medium, so the dispatcher can check a recipe newer than itself.
 *
 * Only portable expressions: `(?i)` is no ECMAScript, and a disk is never a partition or a path with `..` in it.
 */
export const RECIPE_SCHEMA = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  $id: 'https://provisioner.dev/schema/recipe-1.json',
  title: 'Recipe',
  type: 'object',
  additionalProperties: false,
  required: ['task_target'],
  properties: {
    $schema: { type: 'string' },
    recipe_version: { type: 'string', pattern: '^1(\\.[0-9]+){0,2}$' },
    task_target: { type: 'string', pattern: '^[a-z0-9][a-z0-9.-]{0,63}\\.target$' },
    target_disk: { $ref: '#/definitions/disk_path' },
    disk_selector: {
      type: 'object',
      additionalProperties: false,
      minProperties: 1,
      properties: {
        serial: { type: 'string', minLength: 1, maxLength: 128 },
        wwn: { type: 'string', pattern: '^(0x|eui\\.|naa\\.|uuid\\.)?[0-9A-Fa-f.-]{8,64}$' },
        model: { type: 'string', minLength: 1, maxLength: 128 },
        bus: { enum: ['nvme', 'sata', 'sas', 'scsi', 'virtio', 'mmc'] },
        path: { $ref: '#/definitions/disk_path' },
        size: {
          type: 'object',
          additionalProperties: false,
          minProperties: 1,
          properties: { min: { $ref: '#/definitions/byte_size' }, max: { $ref: '#/definitions/byte_size' } },
        },
      },
    },
    oci_url: { type: 'string', maxLength: 512, pattern: '^oci://[^\\s]+$' },
    firmware_url: { type: 'string', maxLength: 2048, pattern: '^(https?|oci)://[^\\s]+$' },
    firmware_sha256: { type: 'string', pattern: '^[0-9a-f]{64}$' },
    firmware_tool: {
      type: 'object',
      additionalProperties: false,
      required: ['image'],
      properties: {
        image: { type: 'string', maxLength: 512, pattern: '^oci://[^\\s]+$' },
        arguments: { type: 'array', maxItems: 64, items: { type: 'string', maxLength: 1024 } },
      },
    },
    firmware_signature: {
      type: 'object',
      additionalProperties: false,
      required: ['public_key', 'signature'],
      properties: {
        public_key: { type: 'string', maxLength: 8192, pattern: '^-----BEGIN PUBLIC KEY-----' },
        signature: { type: 'string', maxLength: 4096, pattern: '^[A-Za-z0-9+/]+={0,2}$' },
      },
    },
    verify: {
      type: 'object',
      additionalProperties: false,
      minProperties: 1,
      properties: {
        digest: { type: 'string', pattern: '^sha256:[0-9a-f]{64}$' },
        public_key: { type: 'string', maxLength: 4096 },
        read_back: { type: 'boolean' },
      },
    },
    require_empty: { type: 'boolean' },
    grow_last_partition: { type: 'boolean' },
    files: { type: 'array', minItems: 1, maxItems: 64, items: { $ref: '#/definitions/file' } },
    partition_layout: { type: 'array', minItems: 1, maxItems: 128, items: { $ref: '#/definitions/partition' } },
    kernel_arguments: {
      type: 'array',
      maxItems: 64,
      items: { type: 'string', maxLength: 256, pattern: '^[A-Za-z0-9_.:,=@%+/-]+$' },
    },
    user_data: { type: 'string', maxLength: 1048576 },
    meta_data: { type: 'string', maxLength: 65536 },
    network_config: { type: 'string', maxLength: 65536 },
    unattend_xml: { type: 'string', maxLength: 1048576 },
    ks_cfg: { type: 'string', maxLength: 262144 },
    wim_index: { type: 'integer', minimum: 1, maximum: 64 },
    metadata: {
      type: 'object',
      maxProperties: 64,
      propertyNames: { pattern: '^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$' },
      additionalProperties: { type: 'string', maxLength: 1024 },
    },
  },
  definitions: {
    disk_path: {
      type: 'string',
      maxLength: 255,
      pattern:
        '^/dev/(?!.*-part[0-9]+$)(?:disk/by-(?:id|path)/[A-Za-z0-9][A-Za-z0-9:._+@=-]*|mapper/[A-Za-z0-9][A-Za-z0-9._-]*|nvme[0-9]+n[0-9]+|mmcblk[0-9]+|(?:sd|vd|xvd|hd)[a-z]{1,3})$',
    },
    file: {
      type: 'object',
      additionalProperties: false,
      required: ['path'],
      properties: {
        path: {
          type: 'string',
          maxLength: 255,
          pattern: '^(?:/(?!\\.{1,2}(?:/|$))[A-Za-z0-9._@+-][A-Za-z0-9._@:+-]*)+$',
        },
        content: { type: 'string', maxLength: 1048576 },
        content_base64: { type: 'string', maxLength: 1398104, pattern: '^[A-Za-z0-9+/]*={0,2}$' },
        mode: { type: 'string', pattern: '^0?[0-7]{3}$' },
        owner: { type: 'string', pattern: '^[0-9]{1,9}:[0-9]{1,9}$' },
      },
    },
    byte_size: { type: 'string', pattern: '^[1-9][0-9]{0,11}(?:[KMGT](?:iB)?)?$' },
    partition: {
      type: 'object',
      additionalProperties: false,
      required: ['size', 'format'],
      properties: {
        size: { type: 'string', pattern: '^(?:[1-9][0-9]{0,11}(?:[KMGT](?:iB)?)?|(?:100|[1-9][0-9]?)%)$' },
        type_guid: {
          type: 'string',
          pattern: '^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$',
        },
        format: { enum: ['vfat', 'ext4', 'xfs', 'btrfs', 'swap', 'none'] },
        label: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,35}$' },
        mountpoint: {
          type: 'string',
          maxLength: 255,
          pattern: '^/(?:[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*)?$',
        },
        mount_options: { type: 'string', pattern: '^[A-Za-z0-9_=,.:/-]{1,255}$' },
      },
    },
  },
} as const

export interface Partition {
  /** Bytes as `512MiB`, or a share of what the fixed sizes leave as `100%`. */
  readonly size: string
  readonly type_guid?: string
  readonly format: 'vfat' | 'ext4' | 'xfs' | 'btrfs' | 'swap' | 'none'
  readonly label?: string
  readonly mountpoint?: string
  readonly mount_options?: string
}

/** Written into the installed system before it starts for the first time. */
export interface InstalledFile {
  readonly path: string
  readonly content?: string
  readonly content_base64?: string
  /** Octal; `0644` without it. */
  readonly mode?: string
  /** Numbers, `0:0` without it: names are known to the installed system alone. */
  readonly owner?: string
}

/** What is demanded of the artifact. */
export interface Verify {
  /** Of the manifest or index that `oci_url` names. */
  readonly digest?: string
  /** PEM, ECDSA on P-256; a signature by it must be attached. */
  readonly public_key?: string
  /** Read the disk and compare. */
  readonly read_back?: boolean
}

export interface DiskSelector {
  readonly serial?: string
  readonly wwn?: string
  readonly model?: string
  readonly bus?: 'nvme' | 'sata' | 'sas' | 'scsi' | 'virtio' | 'mmc'
  readonly path?: string
  readonly size?: { readonly min?: string; readonly max?: string }
}

/** A checked recipe, in the names of the document. parse.ts is the only way to get one. */
export interface Recipe {
  readonly recipe_version?: string
  readonly task_target: string
  readonly target_disk?: string
  readonly disk_selector?: DiskSelector
  readonly oci_url?: string
  readonly firmware_url?: string
  readonly firmware_sha256?: string
  /** The vendor's program for it, as a container; `{file}` in an argument is the path of the firmware. */
  readonly firmware_tool?: { readonly image: string; readonly arguments?: readonly string[] }
  /** RSA or ECDSA over SHA-256, as `openssl dgst -sign` and `cosign sign-blob` make it. */
  readonly firmware_signature?: { readonly public_key: string; readonly signature: string }
  readonly verify?: Verify
  readonly require_empty?: boolean
  readonly grow_last_partition?: boolean
  readonly files?: readonly InstalledFile[]
  readonly partition_layout?: readonly Partition[]
  readonly kernel_arguments?: readonly string[]
  readonly user_data?: string
  readonly meta_data?: string
  readonly network_config?: string
  readonly unattend_xml?: string
  readonly ks_cfg?: string
  readonly wim_index?: number
  readonly metadata?: Readonly<Record<string, string>>
}
