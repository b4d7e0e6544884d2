//! The Python simple repository API: names, file names, index pages, core metadata.
