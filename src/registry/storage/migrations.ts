/**
 * The schema, step by step; `PRAGMA user_version` is the number of steps done. Append only: a step that was released is
 * never edited. Times are milliseconds since 1970, digests `algorithm:hex`.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE repositories (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
  ) STRICT;

  -- One row for each verified file in blobs/.
  CREATE TABLE blobs (
    digest TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    stored_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- Membership. touched_at moves when a client pushes or mounts the blob again: garbage collection leaves it alone then.
  CREATE TABLE repository_blobs (
    repository INTEGER NOT NULL REFERENCES repositories (id),
    digest TEXT NOT NULL REFERENCES blobs (digest),
    touched_at INTEGER NOT NULL,
    PRIMARY KEY (repository, digest)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX repository_blobs_by_digest ON repository_blobs (digest);

  -- The exact bytes, once, however many repositories hold the manifest.
  CREATE TABLE manifests (
    id INTEGER PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    content BLOB NOT NULL
  ) STRICT;

  -- What a manifest points at; kind: 'blob', 'manifest'. The subject is a column of repository_manifests.
  CREATE TABLE manifest_edges (
    manifest INTEGER NOT NULL REFERENCES manifests (id) ON DELETE CASCADE,
    target TEXT NOT NULL,
    kind TEXT NOT NULL,
    PRIMARY KEY (manifest, target, kind)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX manifest_edges_by_target ON manifest_edges (target);

  CREATE TABLE repository_manifests (
    repository INTEGER NOT NULL REFERENCES repositories (id),
    manifest INTEGER NOT NULL REFERENCES manifests (id),
    media_type TEXT NOT NULL,
    subject TEXT,
    artifact_type TEXT,
    annotations TEXT, -- a JSON object
    pushed_at INTEGER NOT NULL,
    PRIMARY KEY (repository, manifest)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX repository_manifests_by_manifest ON repository_manifests (manifest);
  CREATE INDEX repository_manifests_by_subject ON repository_manifests (repository, subject) WHERE subject IS NOT NULL;

  CREATE TABLE tags (
    repository INTEGER NOT NULL,
    name TEXT NOT NULL,
    manifest INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (repository, name),
    FOREIGN KEY (repository, manifest) REFERENCES repository_manifests (repository, manifest) ON DELETE CASCADE
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX tags_by_manifest ON tags (repository, manifest);

  CREATE TABLE uploads (
    id TEXT PRIMARY KEY,
    repository TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    started_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- 'damaged': the file is not what its digest says; nobody is served it, the next push replaces it.
  -- 'deleting': the file is going; the blob is unknown to everybody.
  ALTER TABLE blobs ADD COLUMN state TEXT NOT NULL DEFAULT 'stored' CHECK (state IN ('stored', 'damaged', 'deleting'));
  -- Moves with every store: who saw damage in version 1 must not condemn version 2.
  ALTER TABLE blobs ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
  -- When the file was last found right, by its push or by a scrub.
  ALTER TABLE blobs ADD COLUMN checked_at INTEGER NOT NULL DEFAULT 0;
  UPDATE blobs SET checked_at = stored_at;
  CREATE INDEX blobs_by_check ON blobs (checked_at, digest);
  CREATE INDEX blobs_not_stored ON blobs (state) WHERE state <> 'stored';

  -- The stored bytes are not what the digest says; as if absent until they are pushed again.
  ALTER TABLE manifests ADD COLUMN damaged INTEGER NOT NULL DEFAULT 0;

  -- Since when nobody holds it: its last index or its subject was removed.
  ALTER TABLE repository_manifests ADD COLUMN released_at INTEGER;
  -- Since when no tag points at it; NULL when none ever did.
  ALTER TABLE repository_manifests ADD COLUMN untagged_at INTEGER;
  CREATE INDEX repository_manifests_released ON repository_manifests (released_at) WHERE released_at IS NOT NULL;
  `,
]
