"""A TUF repository in memory, the web server in front of it, and the client under test."""
