//! Releases and their files.

use jiff::{SignedDuration, Timestamp};

use crate::numbers::{Random, exp, floor};
use crate::population::{Kind, Project, topic};

/// Pythons and platforms of wheels, in the order in which projects take them on.
const PYTHONS: [&str; 4] = ["cp312-cp312", "cp311-cp311", "cp313-cp313", "cp310-cp310"];
const PLATFORMS: [&str; 7] = [
    "manylinux_2_17_x86_64.manylinux2014_x86_64",
    "win_amd64",
    "macosx_11_0_arm64",
    "manylinux_2_17_aarch64.manylinux2014_aarch64",
    "macosx_10_13_x86_64",
    "musllinux_1_2_x86_64",
    "win32",
];

/// Sizes are log-normal, with this mean of the logarithm, cut at [`MAX_SIZE`]: 1.43 MB in the mean (REFERENCE), 83 KB in
/// the middle.
const SIZE_MEAN_LN: f64 = 11.328_15;
const SIZE_DEVIATION: f64 = 2.4;
const MAX_SIZE: f64 = 1e9;
const MIN_SIZE: u64 = 400;

/// Releases of a thousand that are yanked.
const YANKED_PERMILLE: u64 = 5;

/// A release of a project.
#[derive(Clone, Debug)]
pub struct Release<'a> {
    project: &'a Project,
    random: Random,
    /// When its first file was uploaded.
    pub at: Timestamp,
    /// Its version (PEP 440).
    pub version: String,
    /// Whether it is yanked.
    pub yanked: bool,
}

/// A distribution file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name.
    pub filename: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256: a random number, there are no bytes that it would be the digest of.
    pub sha256: [u8; 32],
    /// When it was uploaded.
    pub uploaded: Timestamp,
    /// Its `Requires-Python`.
    pub requires_python: Option<&'static str>,
    /// Whether it is yanked.
    pub yanked: bool,
}

impl<'a> Release<'a> {
    pub(crate) fn new(project: &'a Project, release: u32, at: Timestamp) -> Self {
        let mut random = Random::of(project.seed, &[topic::RELEASE, project.number.into(), release.into()]);
        let (major, minor, patch) = (release / 200, release / 10 % 20 + 1, release % 10);
        Self {
            project,
            at,
            version: format!("{major}.{minor}.{patch}"),
            yanked: random.permille(YANKED_PERMILLE),
            random,
        }
    }

    /// Its files, in the order of their upload, a few seconds apart.
    pub fn files(&self) -> impl Iterator<Item = File> {
        let (kind, stem) = (self.project.kind, self.project.name.replace('-', "_"));
        let (random, mut uploaded) = (self.random.clone(), self.at);
        (0..kind.files()).map(move |number| {
            let mut random = Random::of(random.clone().next(), &[number.into()]);
            if number > 0 {
                uploaded += SignedDuration::from_millis(700 + random.below(2500).cast_signed());
            }
            let mut sha256 = [0; 32];
            for part in sha256.chunks_exact_mut(8) {
                part.copy_from_slice(&random.next().to_le_bytes());
            }
            let size = exp(SIZE_MEAN_LN + SIZE_DEVIATION * random.normal()).min(MAX_SIZE);
            File {
                filename: filename(kind, &stem, &self.version, number),
                size: floor(size).max(MIN_SIZE),
                sha256,
                uploaded,
                requires_python: self.project.requires_python,
                yanked: self.yanked,
            }
        })
    }
}

/// Wheels first, as tools upload them.
fn filename(kind: Kind, stem: &str, version: &str, number: u8) -> String {
    if number + 1 == kind.files() && kind != Kind::Wheel {
        return format!("{stem}-{version}.tar.gz");
    }
    match kind {
        Kind::Source | Kind::Wheel | Kind::Both => format!("{stem}-{version}-py3-none-any.whl"),
        Kind::Platforms(_) => {
            let number = usize::from(number);
            let (python, platform) =
                (PYTHONS[number / PLATFORMS.len() % PYTHONS.len()], PLATFORMS[number % PLATFORMS.len()]);
            format!("{stem}-{version}-{python}-{platform}.whl")
        }
    }
}
