//! The fields of the upload form that matter here. The rest repeats the core metadata, which is read from the file.

use crate::refusal::Refusal;

/// Longest value of a field that matters, in bytes.
pub(crate) const MAX_VALUE_BYTES: usize = 1024;

/// The fields of an upload form beside the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FormFields {
    pub(crate) action: Option<String>,
    pub(crate) protocol_version: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) filetype: Option<String>,
    pub(crate) sha256_digest: Option<String>,
    pub(crate) blake2_256_digest: Option<String>,
    /// Fields that were passed over, though what they hold is not in the file either.
    pub(crate) not_kept: Vec<&'static str>,
}

impl FormFields {
    /// Where the value of a field goes; `None` for fields that do not matter. `md5_digest` does not: it proves nothing
    /// that the other digests do not prove.
    pub(crate) fn slot(&mut self, name: &str) -> Option<&mut Option<String>> {
        Some(match name {
            ":action" => &mut self.action,
            "protocol_version" => &mut self.protocol_version,
            "name" => &mut self.name,
            "version" => &mut self.version,
            "filetype" => &mut self.filetype,
            "sha256_digest" => &mut self.sha256_digest,
            "blake2_256_digest" => &mut self.blake2_256_digest,
            _ => return None,
        })
    }

    /// Notes that a field was passed over.
    pub(crate) fn pass_over(&mut self, name: &str) {
        for known in ["attestations", "gpg_signature"] {
            if name == known && !self.not_kept.contains(&known) {
                self.not_kept.push(known);
            }
        }
    }

    /// Checks that the form is an upload, and has what an upload must have.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        match self.action.as_deref() {
            Some("file_upload") => {}
            Some(other) => {
                return Err(Refusal::bad_request(format!(
                    "unsupported :action {}: only file_upload is",
                    quoted(other)
                )));
            }
            None => return Err(missing(":action")),
        }
        if let Some(version) = self.protocol_version.as_deref().filter(|version| *version != "1") {
            return Err(Refusal::bad_request(format!(
                "unsupported protocol_version {}: only 1 is",
                quoted(version)
            )));
        }
        for (field, value) in [("name", &self.name), ("version", &self.version), ("filetype", &self.filetype)]
        {
            if value.is_none() {
                return Err(missing(field));
            }
        }
        Ok(())
    }
}

/// A form field is missing.
pub(crate) fn missing(field: &str) -> Refusal {
    Refusal::bad_request(format!("the form field {field} is missing"))
}

/// Text from outside, escaped and shortened for a message.
pub(crate) fn quoted(text: &str) -> String {
    const MAX_CHARS: usize = 120;
    let head: String = text.chars().take(MAX_CHARS).collect();
    if head.len() < text.len() { format!("{head:?}...") } else { format!("{head:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks() {
        let text = |text: &str| Some(text.to_owned());
        let good = FormFields {
            action: text("file_upload"),
            protocol_version: text("1"),
            name: text("a"),
            version: text("1"),
            filetype: text("sdist"),
            ..FormFields::default()
        };
        good.check().unwrap();
        for (form, reason) in [
            (FormFields { action: None, ..good.clone() }, "the form field :action is missing"),
            (
                FormFields { action: text("submit\n"), ..good.clone() },
                "unsupported :action \"submit\\n\": only file_upload is",
            ),
            (
                FormFields { protocol_version: text("2"), ..good.clone() },
                "unsupported protocol_version \"2\": only 1 is",
            ),
            (FormFields { name: None, ..good.clone() }, "the form field name is missing"),
            (FormFields { filetype: None, ..good.clone() }, "the form field filetype is missing"),
        ] {
            assert_eq!(form.check().unwrap_err().reason(), reason);
        }
    }

    #[test]
    fn what_is_not_kept_is_noted_once() {
        let mut form = FormFields::default();
        for name in ["attestations", "description", "gpg_signature", "attestations"] {
            assert!(form.slot(name).is_none());
            form.pass_over(name);
        }
        assert_eq!(form.not_kept, ["attestations", "gpg_signature"]);
    }
}
