//! Whether what is written can be read again.

use std::collections::BTreeMap;

use super::fields::{check_hash, check_number_of_hashes, check_text, check_url, read_upload_time};
use super::invalid;
use crate::error::Error;
use crate::page::{CoreMetadata, IndexFile, PageLimits, Yanked};

pub(crate) fn check_file(file: &IndexFile, limits: &PageLimits) -> Result<(), Error> {
    let wrong = |field: &str| {
        let field = field.to_owned();
        move |reason| invalid(field, reason)
    };
    let url = |url: &str| check_text(url, limits).and_then(|()| check_url(url));
    check_text(file.filename.as_str(), limits).map_err(wrong("filename"))?;
    url(&file.url).map_err(wrong("url"))?;
    check_hashes(&file.hashes).map_err(wrong("hashes"))?;
    if let Some(time) = &file.upload_time {
        check_text(time, limits).map_err(wrong("upload-time"))?;
        if read_upload_time(time).is_none() {
            return Err(wrong("upload-time")("must be a time in rfc 3339"));
        }
    }
    if let Some(specifier) = &file.requires_python {
        check_text(specifier, limits).map_err(wrong("requires-python"))?;
    }
    if let Yanked::Reason(reason) = &file.yanked {
        check_text(reason, limits).map_err(wrong("yanked"))?;
    }
    if let CoreMetadata::Hashes(hashes) = &file.core_metadata {
        check_hashes(hashes).map_err(wrong("core-metadata"))?;
    }
    if let Some(provenance) = &file.provenance {
        url(provenance).map_err(wrong("provenance"))?;
    }
    Ok(())
}

fn check_hashes(hashes: &BTreeMap<String, String>) -> Result<(), &'static str> {
    check_number_of_hashes(hashes.len())?;
    hashes.iter().try_for_each(|(algorithm, digest)| check_hash(algorithm, digest))
}
