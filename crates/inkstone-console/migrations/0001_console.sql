-- Times are milliseconds since the Unix epoch. Tokens and session ids are kept only as SHA-256 hashes.

CREATE TABLE accounts (
    name          TEXT    NOT NULL PRIMARY KEY,
    role          TEXT    NOT NULL CHECK (role IN ('admin', 'editor', 'viewer')),
    password_hash TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    last_login_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE setup_tokens (
    hash       TEXT    NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    hash       TEXT    NOT NULL PRIMARY KEY,
    account    TEXT    NOT NULL REFERENCES accounts (name) ON DELETE CASCADE,
    address    TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_account ON sessions (account);

-- One configuration file: a key of a ConfigMap.
CREATE TABLE files (
    id         INTEGER PRIMARY KEY,
    cluster    TEXT NOT NULL,
    namespace  TEXT NOT NULL,
    config_map TEXT NOT NULL,
    key        TEXT NOT NULL,
    UNIQUE (cluster, namespace, config_map, key)
) STRICT;

CREATE TABLE revisions (
    id         TEXT    NOT NULL PRIMARY KEY,
    file       INTEGER NOT NULL REFERENCES files (id),
    number     INTEGER NOT NULL,
    author     TEXT    NOT NULL,
    message    TEXT    NOT NULL,
    content    TEXT    NOT NULL,
    hash       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (file, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE releases (
    id           TEXT    NOT NULL PRIMARY KEY,
    file         INTEGER NOT NULL REFERENCES files (id),
    number       INTEGER NOT NULL,
    revision     TEXT    NOT NULL REFERENCES revisions (id),
    application  TEXT    NOT NULL,
    author       TEXT    NOT NULL,
    message      TEXT    NOT NULL,
    rollback_of  TEXT    REFERENCES releases (id),
    state        TEXT    NOT NULL CHECK (state IN
        ('publishing', 'written', 'complete', 'refused', 'failed', 'interrupted', 'superseded')),
    error        TEXT,
    pods         TEXT    NOT NULL DEFAULT '[]',
    created_at   INTEGER NOT NULL,
    written_at   INTEGER,
    completed_at INTEGER,
    UNIQUE (file, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX open_releases ON releases (state) WHERE state IN ('publishing', 'written');

CREATE TABLE audit (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    actor   TEXT    NOT NULL,
    address TEXT    NOT NULL,
    action  TEXT    NOT NULL,
    object  TEXT    NOT NULL,
    result  TEXT    NOT NULL CHECK (result IN ('ok', 'denied', 'failed')),
    before  TEXT,
    after   TEXT
) STRICT;

-- What happened stays written: no code path, ours or a later one, may change the audit log or a revision.
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_is_never_deleted BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER revisions_are_never_changed BEFORE UPDATE ON revisions
BEGIN SELECT RAISE(ABORT, 'a revision is never changed; save a new one'); END;
CREATE TRIGGER revisions_are_never_deleted BEFORE DELETE ON revisions
BEGIN SELECT RAISE(ABORT, 'a revision is never deleted'); END;
