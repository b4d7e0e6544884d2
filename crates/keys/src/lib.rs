//! Key stores for TUF roles: encrypted PKCS#8 files, thresholds, generation.
