//! What is uploaded: small wheels of the projects that the workload's stream names.

use jiff::Timestamp;
use sealdex_simple::{FileName, ProjectName};
use sealdex_testkit::wheel::WheelBuilder;
use sealdex_workload::{Population, START, Upload, Uploads};

/// A wheel to upload.
pub(crate) struct Wheel {
    /// When the stream uploads it, after its beginning, in seconds.
    pub(crate) at: f64,
    pub(crate) project: ProjectName,
    pub(crate) version: String,
    pub(crate) filename: FileName,
    pub(crate) sha256: String,
    pub(crate) bytes: Vec<u8>,
}

/// An endless stream of wheels. Their versions hold the time of the run, so none was ever uploaded before.
pub(crate) struct Wheels<'a> {
    population: &'a Population,
    uploads: Uploads<'a>,
    run: i64,
}

impl<'a> Wheels<'a> {
    pub(crate) fn new(population: &'a Population, now: Timestamp) -> Self {
        Self { population, uploads: Uploads::starting(population, START), run: now.as_second() }
    }

    /// The next `count` wheels.
    pub(crate) fn take(&mut self, count: usize) -> anyhow::Result<Vec<Wheel>> {
        let uploads: Vec<Upload> = self.uploads.by_ref().take(count).collect();
        uploads.into_iter().map(|upload| self.wheel(upload)).collect()
    }

    fn wheel(&self, upload: Upload) -> anyhow::Result<Wheel> {
        let name = self.population.project(upload.project).name;
        let version = format!("{}.{}.{}", self.run, upload.release, upload.number);
        let archive = WheelBuilder::new(&name, &version).requires_python(">=3.9").build();
        Ok(Wheel {
            at: (upload.at - START).total(jiff::Unit::Second)?,
            project: ProjectName::parse(&name)?,
            filename: FileName::parse(&archive.file_name)?,
            sha256: archive.sha256(),
            bytes: archive.bytes,
            version,
        })
    }
}
