-- Changes of the layout: what was asked, by whom, when, and what became of it. One at most waits: it has neither a
-- publication nor a reason why it was abandoned.
CREATE TABLE relayouts (
    id BIGINT NOT NULL PRIMARY KEY,
    submitted_at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    layout TEXT NOT NULL,
    publication BIGINT REFERENCES publications (id),
    abandoned TEXT
);

INSERT INTO counters (name, value) VALUES ('relayout', 0);

-- The roles that were signed offline for the one that waits.
CREATE TABLE relayout_roles (
    name TEXT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    content BYTEA NOT NULL
);

-- What a bulk publication prepares may take the place of all targets at once: the two tables then change their names. So
-- they have the same columns. A prepared target that is removed has '' for a digest.
DROP TABLE prepared_targets;

CREATE TABLE prepared_targets (
    path TEXT NOT NULL PRIMARY KEY,
    role TEXT NOT NULL,
    length BIGINT NOT NULL,
    sha256 TEXT NOT NULL
);

CREATE INDEX prepared_targets_role ON prepared_targets (role);
