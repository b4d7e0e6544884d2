//! Serves a repository over HTTP: TUF metadata, the simple API, files, uploads.
