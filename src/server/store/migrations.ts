/**
 * Every change of the controller's tables, in order; append only. The database's `user_version` counts how many were
 * applied. Times are RFC 3339 text in UTC, so they sort and can be read in a shell.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE servers (
    serial       TEXT PRIMARY KEY,
    uuid         TEXT,
    bmc_url      TEXT NOT NULL,
    bmc_username TEXT NOT NULL,
    bmc_password BLOB NOT NULL,        -- sealed, see keys.ts
    verify_tls   INTEGER NOT NULL,
    vendor       TEXT,
    network      TEXT,                 -- JSON, NetworkPlan
    created_at   TEXT NOT NULL
  ) STRICT;

  CREATE TABLE jobs (
    id              TEXT PRIMARY KEY,
    server_serial   TEXT NOT NULL,
    status          TEXT NOT NULL,
    phase           TEXT,
    outcome         TEXT,
    failed_step     TEXT,
    message         TEXT,
    recipe          TEXT NOT NULL,
    task_target     TEXT NOT NULL,
    attempt         INTEGER NOT NULL,
    media_token     TEXT NOT NULL UNIQUE,
    idempotency_key TEXT UNIQUE,
    retry_of        TEXT,
    progress        TEXT,              -- JSON, Progress
    created_at      TEXT NOT NULL,
    updated_at      TEXT NOT NULL,
    deadline        TEXT,
    version         INTEGER NOT NULL,
    lease_worker    TEXT,
    lease_until     TEXT
  ) STRICT;

  -- One active job per server, kept by the database itself.
  CREATE UNIQUE INDEX one_active_job ON jobs (server_serial) WHERE status <> 'complete';
  CREATE INDEX jobs_of_server ON jobs (server_serial, id);
  CREATE INDEX open_jobs ON jobs (lease_until) WHERE status <> 'complete';

  CREATE TABLE history (
    job_id  TEXT NOT NULL REFERENCES jobs (id),
    seq     INTEGER NOT NULL,
    at      TEXT NOT NULL,
    type    TEXT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (job_id, seq)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE logs (
    id     INTEGER PRIMARY KEY,
    job_id TEXT NOT NULL REFERENCES jobs (id),
    at     TEXT NOT NULL,
    text   TEXT NOT NULL
  ) STRICT;
  CREATE INDEX logs_of_job ON logs (job_id, id);

  CREATE TABLE tokens (
    hash       TEXT PRIMARY KEY,       -- SHA-256 of the token: 160 random bits need no slow hash
    name       TEXT NOT NULL,
    role       TEXT NOT NULL,
    created_at TEXT NOT NULL
  ) STRICT;
  `,
  `
  -- What worked on one kind of BMC; may be deleted at any time, and is learned again.
  CREATE TABLE bmc_profiles (
    model      TEXT NOT NULL,          -- vendor and model of the server
    firmware   TEXT NOT NULL,
    profile    TEXT NOT NULL,          -- JSON, LearnedProfile
    updated_at TEXT NOT NULL,
    PRIMARY KEY (model, firmware)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE users (
    name       TEXT PRIMARY KEY,
    role       TEXT NOT NULL,
    password   TEXT NOT NULL,          -- PHC string, see shared/passwords/password-hash.ts
    disabled   INTEGER NOT NULL,
    created_at TEXT NOT NULL
  ) STRICT;

  ALTER TABLE tokens ADD COLUMN id TEXT;
  ALTER TABLE tokens ADD COLUMN owner TEXT REFERENCES users (name) ON DELETE CASCADE;  -- null: of a service
  ALTER TABLE tokens ADD COLUMN expires_at TEXT;
  ALTER TABLE tokens ADD COLUMN last_used_at TEXT;
  UPDATE tokens SET id = lower(hex(randomblob(6)));
  CREATE UNIQUE INDEX tokens_by_id ON tokens (id);
  CREATE INDEX tokens_of_owner ON tokens (owner);

  CREATE TABLE audit (
    id      INTEGER PRIMARY KEY,
    at      TEXT NOT NULL,
    audit   TEXT NOT NULL,             -- what was done
    caller  TEXT NOT NULL,
    address TEXT,
    object  TEXT NOT NULL,
    status  INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX audit_by_time ON audit (at);
  `,
  `
  -- A worker holds its jobs for as long as its beat changes. Who judges that needs no clock that agrees with another one.
  CREATE TABLE workers (
    name TEXT PRIMARY KEY,
    beat INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  DROP INDEX open_jobs;
  ALTER TABLE jobs DROP COLUMN lease_until;
  UPDATE jobs SET lease_worker = NULL;
  ALTER TABLE jobs ADD COLUMN silent_since TEXT;

  -- Read when a job is shown or worked on, not when it is listed or changed: it may have a megabyte.
  CREATE TABLE recipes (
    job_id TEXT PRIMARY KEY REFERENCES jobs (id),
    recipe TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  INSERT INTO recipes SELECT id, recipe FROM jobs;
  ALTER TABLE jobs DROP COLUMN recipe;

  CREATE INDEX free_jobs ON jobs (status, id) WHERE lease_worker IS NULL AND status <> 'complete';
  CREATE INDEX held_jobs ON jobs (lease_worker, status) WHERE status <> 'complete';
  CREATE INDEX jobs_by_status ON jobs (status, id);
  CREATE INDEX jobs_by_outcome ON jobs (outcome, id);
  `,
  `
  -- Which row of bmc_profiles is of which server: what its BMC said when it was last asked.
  CREATE TABLE known_bmcs (
    serial   TEXT PRIMARY KEY REFERENCES servers (serial) ON DELETE CASCADE,
    model    TEXT NOT NULL,
    firmware TEXT NOT NULL,
    seen_at  TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TRIGGER another_bmc AFTER UPDATE OF bmc_url ON servers WHEN old.bmc_url <> new.bmc_url
  BEGIN
    DELETE FROM known_bmcs WHERE serial = new.serial;
  END;

  -- A search compares every server: in an index that holds what is compared it reads a tenth.
  CREATE INDEX servers_by_text ON servers (serial, bmc_url, vendor);
  `,
  `
  -- What the maintenance image was when it was inserted: another one under the same URL is served to no job.
  ALTER TABLE jobs ADD COLUMN maintenance TEXT;
  `,
  `
  -- What the task medium was when it was inserted, as \`maintenance\` is.
  ALTER TABLE jobs ADD COLUMN task TEXT;

  -- What the controller looks for in a history has a type of its own; it was found by its wording.
  UPDATE history SET type = 'hand-over' WHERE type = 'bmc' AND message = 'switching on into the installed system';
  INSERT INTO history
    SELECT job_id, (SELECT MAX(seq) + 1 FROM history AS all_of WHERE all_of.job_id = began.job_id), at, 'start',
      'switching on from the media'
    FROM history AS began JOIN jobs ON id = job_id
    WHERE type = 'phase' AND began.message = 'booting' AND status <> 'complete';

  CREATE INDEX jobs_by_target ON jobs (task_target, id);
  CREATE INDEX ended_jobs ON jobs (updated_at) WHERE status = 'complete';
  CREATE INDEX audit_by_caller ON audit (caller, id);
  `,
]
