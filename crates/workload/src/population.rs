//! The index at one moment: projects, and how many releases each has.

use jiff::{SignedDuration, Timestamp};

use crate::name::project_name;
use crate::numbers::{Random, Scramble, exp, floor, ln, normal_quantile};
use crate::release::Release;

/// Projects of PyPI, rounded (REFERENCE: 736,344 in March 2026).
pub const PYPI_PROJECTS: u32 = 740_000;

/// The moment at which the index is imported, and uploads begin: 2026-03-01.
pub const START: Timestamp = Timestamp::constant(START_SECOND, 0);
const START_SECOND: i64 = 1_772_323_200;

/// What is drawn for a thing must not depend on what is drawn for another: each has a number of its own.
pub(crate) mod topic {
    pub(crate) const PROJECT: u64 = 1;
    pub(crate) const RELEASE: u64 = 2;
    pub(crate) const POPULARITY: u64 = 3;
    pub(crate) const UPLOADS: u64 = 4;
    pub(crate) const INSTALL: u64 = 5;
}

/// A whole index, as a function from numbers to projects: nothing of it is kept in memory.
///
/// The number of releases is the exponential of a parabola of a normal deviate, with three parameters for three facts:
/// 29 % of the projects have one release, the largest of 740,000 has 9,475, and all have 8.3 million. A smaller index
/// has the same distribution, so its largest project is smaller.
#[derive(Clone, Debug)]
pub struct Population {
    seed: u64,
    projects: u32,
    order: Scramble,
}

/// The parabola's parameters: ln releases = A + B z + C z^2.
pub(crate) const RELEASES: (f64, f64, f64) = (1.207_83, 1.469_963, 0.036_218_3);

impl Population {
    /// The fixed seed of everything that is published.
    pub const SEED: u64 = 0x5ea1_de00;

    /// The most projects there are names for, with room for those to come.
    pub const MAX_PROJECTS: u32 = 1_000_000;

    /// So many projects; `None` for none, and for more than [`Population::MAX_PROJECTS`].
    #[must_use]
    pub fn new(projects: u32) -> Option<Self> {
        Self::seeded(projects, Self::SEED)
    }

    /// The same from another seed.
    #[must_use]
    pub fn seeded(projects: u32, seed: u64) -> Option<Self> {
        let order = Scramble::covering(projects.into(), seed);
        (1..=Self::MAX_PROJECTS).contains(&projects).then_some(Self { seed, projects, order })
    }

    /// The number of projects at [`START`].
    #[must_use]
    pub fn projects(&self) -> u32 {
        self.projects
    }

    /// The size of this index, where PyPI's is 1.
    #[must_use]
    pub fn scale(&self) -> f64 {
        f64::from(self.projects) / f64::from(PYPI_PROJECTS)
    }

    /// The project of this number. Those from [`Population::projects`] on are made after [`START`].
    #[must_use]
    pub fn project(&self, number: u32) -> Project {
        let mut random = self.random(&[topic::PROJECT, number.into()]);
        let kind = Kind::draw(&mut random);
        let requires_python = random.one_of(&REQUIRES_PYTHON);
        // Growth: half of the projects are younger than three years.
        let age = 1.0 - exp(0.24 * ln(random.unit()));
        let releases = if number < self.projects { self.releases(number) } else { 0 };
        let seconds_of_index = (START_SECOND - FIRST_UPLOAD) as f64;
        let before_start = 3600 + floor(age * seconds_of_index).cast_signed();
        let active = floor(random.unit() * before_start as f64).cast_signed();
        Project {
            number,
            seed: self.seed,
            name: project_name(number.into()),
            releases,
            kind,
            requires_python,
            created: START - SignedDuration::from_secs(before_start),
            active: SignedDuration::from_secs(active),
        }
    }

    /// Every project there is at [`START`].
    pub fn iter(&self) -> impl Iterator<Item = Project> {
        (0..self.projects).map(|number| self.project(number))
    }

    /// Releases at [`START`] of a project that there is.
    fn releases(&self, number: u32) -> u32 {
        let rank = self.order.forward_below(self.projects.into(), number.into());
        let z = normal_quantile((rank as f64 + 0.5) / f64::from(self.projects)).max(-1.0);
        let (a, b, c) = RELEASES;
        u32::try_from(floor(exp(a + b * z + c * z * z) + 0.5)).unwrap_or(u32::MAX).max(1)
    }

    /// The project of this rank by number of releases; 0 is a smallest one.
    pub(crate) fn by_releases(&self, rank: u64) -> u32 {
        let rank = rank.min(u64::from(self.projects) - 1);
        u32::try_from(self.order.backward_below(self.projects.into(), rank)).unwrap_or(0)
    }

    pub(crate) fn random(&self, names: &[u64]) -> Random {
        Random::of(self.seed, names)
    }
}

/// In seconds: when the oldest project was made, 21 years before [`START`].
const FIRST_UPLOAD: i64 = START_SECOND - 21 * 365 * 86_400;

const REQUIRES_PYTHON: [Option<&str>; 8] = [
    None,
    None,
    Some(">=3.6"),
    Some(">=3.7"),
    Some(">=3.8"),
    Some(">=3.9"),
    Some(">=3.10"),
    Some(">=3.8,<4.0"),
];

/// What the files of a project's releases are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A source distribution alone.
    Source,
    /// A wheel alone.
    Wheel,
    /// A wheel and a source distribution.
    Both,
    /// A source distribution and wheels for several platforms: so many files together.
    Platforms(u8),
}

impl Kind {
    /// 2.17 files a release in the mean, so that 8.3 million releases have 18 million files.
    fn draw(random: &mut Random) -> Self {
        match random.below(100) {
            0..25 => Self::Source,
            25..37 => Self::Wheel,
            37..95 => Self::Both,
            _ => Self::Platforms(random.one_of(&[4, 6, 8, 10, 12, 16, 20, 26])),
        }
    }

    /// Files of one release.
    #[must_use]
    pub fn files(self) -> u8 {
        match self {
            Self::Source | Self::Wheel => 1,
            Self::Both => 2,
            Self::Platforms(files) => files,
        }
    }
}

/// A project at [`START`].
#[derive(Clone, Debug)]
pub struct Project {
    /// Its number in the population.
    pub number: u32,
    /// Its normalised name.
    pub name: String,
    /// The number of its releases at [`START`]: 0 for one that is made later.
    pub releases: u32,
    /// What its releases consist of.
    pub kind: Kind,
    pub(crate) seed: u64,
    pub(crate) requires_python: Option<&'static str>,
    created: Timestamp,
    /// From the first release to the last before [`START`].
    active: SignedDuration,
}

impl Project {
    /// One of its releases, the first of which is 0, uploaded at the time `at`.
    #[must_use]
    pub fn release_at(&self, release: u32, at: Timestamp) -> Release<'_> {
        Release::new(self, release, at)
    }

    /// One of its releases of before [`START`].
    #[must_use]
    pub fn release(&self, release: u32) -> Release<'_> {
        let steps = i64::from(self.releases.max(2)) - 1;
        // The last one is made when the project was last active; they are spread evenly, to the second.
        let after = self.active.as_secs() * i64::from(release).min(steps) / steps;
        self.release_at(release, self.created + SignedDuration::from_secs(after))
    }

    /// All of its releases of before [`START`].
    pub fn all_releases(&self) -> impl Iterator<Item = Release<'_>> {
        (0..self.releases).map(|release| self.release(release))
    }
}
