-- Who publishes, where a database lock decides on it (PostgreSQL). The epoch grows with each change of hands.
CREATE TABLE writer (
    only_one BIGINT NOT NULL PRIMARY KEY,
    epoch BIGINT NOT NULL,
    host TEXT NOT NULL,
    process BIGINT NOT NULL,
    since BIGINT NOT NULL
);

INSERT INTO writer (only_one, epoch, host, process, since) VALUES (1, 0, '', 0, 0);
