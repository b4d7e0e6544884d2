//! Uploads to come, in the order of time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::manifest::write_line;
use crate::numbers::{Random, floor, index, normal_cumulative};
use crate::population::{Population, Project, RELEASES, topic};
use crate::release::File;

/// Files a minute for an index of PyPI's size (REFERENCE: 3.9 million in 2025).
pub const FILES_A_MINUTE: f64 = 7.4;

/// New projects a day for an index of PyPI's size (REFERENCE: 700 to 800).
pub const NEW_PROJECTS_A_DAY: f64 = 750.0;

/// Files a release in the mean, see [`Kind`](crate::Kind).
const FILES_A_RELEASE: f64 = 2.1675;

/// How busy the hours of the day (UTC) and the days of the week (Monday first) are; 1 in the mean.
const HOURS: [f64; 24] = [
    0.75, 0.72, 0.70, 0.70, 0.70, 0.72, 0.80, 0.92, 1.05, 1.12, 1.15, 1.14, 1.14, 1.22, 1.34, 1.38, 1.36,
    1.30, 1.21, 1.11, 1.01, 0.88, 0.80, 0.78,
];
const DAYS: [f64; 7] = [1.10, 1.15, 1.15, 1.15, 1.10, 0.65, 0.70];
const BUSIEST: f64 = 1.38 * 1.15;

/// Of a thousand releases, how many come from one of the last few projects that released: corrections, and trains of
/// releases.
const AGAIN_PERMILLE: u64 = 250;
const REMEMBERED: usize = 512;

/// One file that is uploaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Upload {
    /// When.
    pub at: Timestamp,
    /// Of which project: a new one when it is not less than [`Population::projects`].
    pub project: u32,
    /// Which of its releases.
    pub release: u32,
    /// When the release's first file was uploaded.
    pub released_at: Timestamp,
    /// Which of the release's files.
    pub number: u8,
}

impl Upload {
    /// The project and the file; `None` never, for an upload of this population.
    #[must_use]
    pub fn file(&self, population: &Population) -> Option<(Project, File)> {
        let project = population.project(self.project);
        let file = project.release_at(self.release, self.released_at).files().nth(self.number.into())?;
        Some((project, file))
    }

    /// The upload as a line of a manifest ([`crate::manifest`]).
    pub fn write_line(&self, population: &Population, out: &mut Vec<u8>) {
        if let Some((project, file)) = self.file(population) {
            write_line(out, &project.name, &file);
        }
    }
}

/// An endless stream of uploads: Poisson arrivals of releases with the rhythm of day and week, the files of each a few
/// seconds apart. It remembers a number for each project that has released, and nothing else that grows.
#[derive(Clone, Debug)]
pub struct Uploads<'a> {
    population: &'a Population,
    random: Random,
    next_release: Timestamp,
    /// Releases a second at the busiest hour.
    rate: f64,
    pending: BinaryHeap<Reverse<Upload>>,
    /// Releases since the stream began.
    released: HashMap<u32, u32>,
    recent: VecDeque<u32>,
    new_projects: u32,
}

impl<'a> Uploads<'a> {
    /// The uploads to this index from `from` on, at the rate that its size deserves. Streams that begin at different
    /// times have nothing in common.
    #[must_use]
    pub fn starting(population: &'a Population, from: Timestamp) -> Self {
        let names = [topic::UPLOADS, from.as_second().unsigned_abs()];
        let mut uploads = Self {
            population,
            random: population.random(&names),
            next_release: from,
            rate: FILES_A_MINUTE / 60.0 / FILES_A_RELEASE * BUSIEST * population.scale(),
            pending: BinaryHeap::new(),
            released: HashMap::new(),
            recent: VecDeque::with_capacity(REMEMBERED),
            new_projects: 0,
        };
        uploads.advance();
        uploads
    }

    /// How many projects have been made since the stream began.
    #[must_use]
    pub fn new_projects(&self) -> u32 {
        self.new_projects
    }

    /// To the next arrival: candidates come at the busiest hour's rate, and are thinned out in quieter ones.
    fn advance(&mut self) {
        loop {
            let seconds = self.random.exponential() / self.rate;
            let wait = SignedDuration::from_millis(floor(seconds * 1e3).cast_signed());
            self.next_release = self.next_release.saturating_add(wait).unwrap_or(Timestamp::MAX);
            let time = self.next_release.to_zoned(TimeZone::UTC);
            let (hour, day) = (time.hour().unsigned_abs(), time.weekday().to_monday_zero_offset());
            let busy = HOURS[usize::from(hour)] * DAYS[usize::from(day.unsigned_abs())];
            if self.random.unit() * BUSIEST < busy || self.next_release == Timestamp::MAX {
                return;
            }
        }
    }

    fn release(&mut self) {
        let number = self.choose();
        let project = self.population.project(number);
        let since = self.released.entry(number).or_default();
        let release = project.releases + *since;
        *since += 1;
        let released_at = self.next_release;
        for (file, number) in project.release_at(release, released_at).files().zip(0..) {
            let upload = Upload { at: file.uploaded, project: project.number, release, released_at, number };
            self.pending.push(Reverse(upload));
        }
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(number);
    }

    fn choose(&mut self) -> u32 {
        let releases_a_day = FILES_A_MINUTE * 1440.0 / FILES_A_RELEASE;
        if self.random.unit() < NEW_PROJECTS_A_DAY / releases_a_day {
            self.new_projects += 1;
            return self.population.projects() + self.new_projects - 1;
        }
        if !self.recent.is_empty() && self.random.permille(AGAIN_PERMILLE) {
            return self.recent[index(self.random.below(self.recent.len() as u64))];
        }
        // Each as often as it has released: the normal deviate of the releases' distribution, weighted by its
        // exponential parabola, is normal again.
        let (_, b, c) = RELEASES;
        let variance = 1.0 / (1.0 - 2.0 * c);
        let z = b * variance + variance.sqrt() * self.random.normal();
        let rank = normal_cumulative(z) * f64::from(self.population.projects());
        self.population.by_releases(floor(rank))
    }
}

impl Iterator for Uploads<'_> {
    type Item = Upload;

    fn next(&mut self) -> Option<Upload> {
        loop {
            if let Some(Reverse(first)) = self.pending.peek()
                && first.at <= self.next_release
            {
                return self.pending.pop().map(|Reverse(upload)| upload);
            }
            self.release();
            self.advance();
        }
    }
}
