//! The Update Framework: metadata, canonical JSON, signatures and the client workflow, without I/O.
