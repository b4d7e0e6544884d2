-- A distribution may be kept elsewhere: the URL that its page gives then. The BLAKE2b digest was never read.
ALTER TABLE distributions DROP COLUMN blake2b_256;
ALTER TABLE distributions ADD COLUMN url TEXT;

-- The highest version of a role that may have been written, whether or not it was ever seen.
ALTER TABLE roles ADD COLUMN reserved BIGINT NOT NULL DEFAULT 0;

-- Imported files wait until the whole import is here, and then become public in one publication.
DROP INDEX transactions_pending;
CREATE INDEX transactions_pending ON transactions (id) WHERE publication IS NULL AND action <> 'import';
CREATE INDEX transactions_imported ON transactions (id) WHERE publication IS NULL AND action = 'import';

-- A bulk publication that is being prepared: pages and targets as they will be, nothing of it signed. A target without
-- a digest is removed.
CREATE TABLE prepared_pages (
    project TEXT NOT NULL PRIMARY KEY,
    sha256 TEXT,
    serial BIGINT NOT NULL
);

CREATE TABLE prepared_targets (
    path TEXT NOT NULL PRIMARY KEY,
    role TEXT NOT NULL,
    length BIGINT NOT NULL,
    sha256 TEXT
);

CREATE INDEX prepared_targets_role ON prepared_targets (role);
