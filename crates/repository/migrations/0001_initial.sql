-- Portable SQL: SQLite and PostgreSQL run the same text. Times are microseconds since 1970, expiries are seconds;
-- digests are lower-case hexadecimal.

-- Facts about the whole repository, such as the layout it was signed with.
CREATE TABLE facts (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- Numbers given out one after another. A row is locked until its transaction ends: numbers are in the order of commit.
CREATE TABLE counters (
    name TEXT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);

INSERT INTO counters (name, value) VALUES ('transaction', 0);
INSERT INTO counters (name, value) VALUES ('publication', 0);

-- A consistent snapshot that was signed.
CREATE TABLE publications (
    id BIGINT NOT NULL PRIMARY KEY,
    snapshot_version BIGINT NOT NULL,
    timestamp_version BIGINT NOT NULL,
    published_at BIGINT NOT NULL
);

-- The transaction log: what was asked, by whom, when, and what made it public.
CREATE TABLE transactions (
    id BIGINT NOT NULL PRIMARY KEY,
    submitted_at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    project TEXT,
    path TEXT NOT NULL,
    sha256 TEXT,
    publication BIGINT REFERENCES publications (id)
);

CREATE INDEX transactions_pending ON transactions (id) WHERE publication IS NULL;

-- Distributions as the log says they are; removed ones stay, since their names stay used.
CREATE TABLE distributions (
    project TEXT NOT NULL,
    filename TEXT NOT NULL,
    version TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    blake2b_256 TEXT NOT NULL,
    length BIGINT NOT NULL,
    sidecar_sha256 TEXT,
    requires_python TEXT,
    uploaded_at BIGINT NOT NULL,
    yanked BIGINT NOT NULL,
    yanked_reason TEXT,
    removed BIGINT NOT NULL,
    changed_by BIGINT NOT NULL REFERENCES transactions (id),
    PRIMARY KEY (project, filename)
);

-- Other files as the log says they are.
CREATE TABLE plain_files (
    path TEXT NOT NULL PRIMARY KEY,
    sha256 TEXT NOT NULL,
    length BIGINT NOT NULL,
    removed BIGINT NOT NULL,
    changed_by BIGINT NOT NULL REFERENCES transactions (id)
);

-- Everything below is written by the snapshot process alone.

-- Every role: the version and expiry of its latest metadata.
CREATE TABLE roles (
    name TEXT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    expires BIGINT NOT NULL
);

-- The targets that are signed, by the role that holds them.
CREATE TABLE targets (
    path TEXT NOT NULL PRIMARY KEY,
    role TEXT NOT NULL,
    length BIGINT NOT NULL,
    sha256 TEXT NOT NULL
);

CREATE INDEX targets_role ON targets (role);

-- The page of every project.
CREATE TABLE pages (
    project TEXT NOT NULL PRIMARY KEY,
    sha256 TEXT NOT NULL,
    serial BIGINT NOT NULL,
    published_at BIGINT NOT NULL
);

-- Signed files of the last publication, in the order in which they are to be written.
CREATE TABLE outbox (
    position BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    content BYTEA NOT NULL
);

CREATE TABLE tokens (
    id TEXT NOT NULL PRIMARY KEY,
    secret_sha256 TEXT NOT NULL,
    projects TEXT NOT NULL,
    actions TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT
);
