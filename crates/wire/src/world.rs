//! The index at five moments: who uploaded what, which version each bin has, and what is in the bins that samples touch.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};
use sealdex_tuf::digest::sha256;
use sealdex_workload::{Population, Project, Upload, Uploads};

use crate::metadata::{Set, Target};
use crate::moment::{Away, NOW, first};
use crate::versions::{BinVersions, Signed, bin_of, prefix_bits};

/// log2 of the numbers of bins that are compared: 4,096, 16,384, 32,768 and 65,536.
pub const BIT_LENGTHS: [u8; 4] = [12, 14, 15, 16];

/// How long before the first moment the repository is founded, so that versions and ages are those of one that runs.
const HISTORY_DAYS: i64 = 365;

/// A package of a sample.
#[derive(Clone, Debug)]
pub struct Package {
    /// The project.
    pub project: u32,
    /// The path of its page.
    pub page: String,
    /// The path of the file that is installed: the first of the latest release.
    pub file: String,
    /// Since when there is that file.
    pub file_since: Timestamp,
}

/// All bins of one set, at each moment.
#[derive(Clone, Debug)]
pub struct BinsAt {
    /// Now.
    pub now: Vec<Signed>,
    /// By [`Away`].
    pub then: [Vec<Signed>; 4],
}

/// A target of a bin that is needed, and how it changed.
#[derive(Clone, Debug)]
struct Member {
    set: Set,
    prefix_bits: u16,
    /// What it was from which time on; the first entry holds from before the first moment, or is its beginning.
    states: Vec<(Timestamp, Target)>,
}

/// Everything that lengths are computed from.
pub struct World {
    /// The installations, the same for all layouts.
    pub samples: Vec<Vec<Package>>,
    /// Versions of bins, by set and bit length.
    pub bins: BTreeMap<(Set, u8), BinsAt>,
    /// Publications until now and until each moment of [`Away`]: the versions of timestamp and snapshot.
    pub publications: (u64, [u64; 4]),
    /// Uploads to the packages of the samples since the first moment.
    pub uploads: HashMap<u32, Vec<Upload>>,
    members: Vec<Member>,
}

impl World {
    /// Replays everything for so many installations of so many packages.
    #[must_use]
    pub fn replay(population: &Population, samples: u64, packages: u32, bit_lengths: &[u8]) -> Self {
        let mut clock = Clock::new(population, bit_lengths);
        let uploads = clock.run(population);
        let mut by_project = by_project(&uploads);
        let samples: Vec<Vec<Package>> = (0..samples)
            .map(|sample| {
                let projects = population.install(packages, sample);
                projects.into_iter().map(|number| package(population, &by_project, number)).collect()
            })
            .collect();
        let needed = Needed::new(&samples, bit_lengths);
        let mut members = Vec::new();
        let all = population.projects() + clock.new_projects;
        for number in 0..all {
            let own = by_project.get(&number).map_or(&[][..], Vec::as_slice);
            add_members(&mut members, &needed, &population.project(number), own);
        }
        by_project.retain(|project, _| samples.iter().flatten().any(|package| package.project == *project));
        Self {
            samples,
            bins: clock.bins(),
            publications: (clock.publications, clock.then),
            uploads: by_project,
            members,
        }
    }

    /// The bins that samples touch: set, number of bins, number.
    #[must_use]
    pub fn touched(&self, set: Set, bit_length: u8) -> BTreeSet<usize> {
        let packages = self.samples.iter().flatten();
        packages.map(|package| bin_of(prefix_bits(package.path(set)), bit_length)).collect()
    }

    /// What is in each of these bins at a moment.
    #[must_use]
    pub fn targets(&self, set: Set, bit_length: u8, at: Timestamp) -> HashMap<usize, Vec<&Target>> {
        let mut targets: HashMap<usize, Vec<&Target>> = HashMap::new();
        for member in self.members.iter().filter(|member| member.set == set) {
            let state = member.states.iter().rev().find(|(since, _)| *since <= at);
            if let Some((_, target)) = state {
                targets.entry(bin_of(member.prefix_bits, bit_length)).or_default().push(target);
            }
        }
        targets
    }
}

impl Package {
    /// The target that is looked up in a set.
    #[must_use]
    pub fn path(&self, set: Set) -> &str {
        match set {
            Set::Index => &self.page,
            Set::Files => &self.file,
        }
    }
}

/// The path of a project's page (DESIGN: target paths).
#[must_use]
pub fn page_path(project: &str) -> String {
    format!("simple/{project}/index.json")
}

/// The path of a file.
#[must_use]
pub fn file_path(project: &str, filename: &str) -> String {
    format!("files/{project}/{filename}")
}

/// Versions as time goes on.
struct Clock {
    versions: BTreeMap<(Set, u8), BinVersions>,
    then: [u64; 4],
    bins_then: Vec<BTreeMap<(Set, u8), Vec<Signed>>>,
    publications: u64,
    new_projects: u32,
}

impl Clock {
    fn new(population: &Population, bit_lengths: &[u8]) -> Self {
        let founded = first() - SignedDuration::from_hours(24 * HISTORY_DAYS);
        let mut versions = BTreeMap::new();
        for &bit_length in bit_lengths {
            for set in [Set::Index, Set::Files] {
                versions.insert((set, bit_length), BinVersions::new(set.name(), bit_length, founded));
            }
        }
        let mut clock =
            Self { versions, then: [0; 4], bins_then: Vec::new(), publications: 1, new_projects: 0 };
        // Before the first moment the index only moves, it does not grow: projects made then count as ones there are.
        for upload in Uploads::starting(population, founded).take_while(|upload| upload.at < first()) {
            let project = population.project(upload.project % population.projects());
            let release = upload.release % project.releases.max(1);
            if let Some(file) = project.release_at(release, upload.at).files().nth(upload.number.into()) {
                clock.publish(&project.name, &file.filename, upload.at);
            }
        }
        clock
    }

    /// From the first moment until now.
    fn run(&mut self, population: &Population) -> Vec<Upload> {
        let mut uploads = Vec::new();
        // The longest absence began first.
        let mut moments: Vec<Away> = Away::ALL.to_vec();
        let mut stream = Uploads::starting(population, first());
        for upload in stream.by_ref().take_while(|upload| upload.at <= NOW) {
            while let Some(away) = moments.last().copied().filter(|away| away.moment() < upload.at) {
                moments.pop();
                self.remember(away);
            }
            if let Some((project, file)) = upload.file(population) {
                self.publish(&project.name, &file.filename, upload.at);
            }
            uploads.push(upload);
        }
        while let Some(away) = moments.pop() {
            self.remember(away);
        }
        self.new_projects = stream.new_projects();
        uploads
    }

    fn remember(&mut self, away: Away) {
        self.then[away.index()] = self.publications;
        let versions = self.versions.iter_mut();
        self.bins_then.push(versions.map(|(&key, bins)| (key, bins.at(away.moment()))).collect());
    }

    /// One file, published by itself.
    fn publish(&mut self, project: &str, filename: &str, at: Timestamp) {
        self.publications += 1;
        let (page, file) = (prefix_bits(&page_path(project)), prefix_bits(&file_path(project, filename)));
        for (&(set, bit_length), bins) in &mut self.versions {
            let bits = if set == Set::Index { page } else { file };
            bins.touch(bin_of(bits, bit_length), at);
        }
    }

    fn bins(&mut self) -> BTreeMap<(Set, u8), BinsAt> {
        let longest_first = &self.bins_then;
        let versions = self.versions.iter_mut().map(|(key, bins)| {
            let mut then: [Vec<Signed>; 4] = Default::default();
            for (away, remembered) in Away::ALL.iter().rev().zip(longest_first) {
                then[away.index()] = remembered.get(key).cloned().unwrap_or_default();
            }
            (*key, BinsAt { now: bins.at(NOW), then })
        });
        versions.collect()
    }
}

fn by_project(uploads: &[Upload]) -> HashMap<u32, Vec<Upload>> {
    let mut by_project: HashMap<u32, Vec<Upload>> = HashMap::new();
    for upload in uploads {
        by_project.entry(upload.project).or_default().push(*upload);
    }
    by_project
}

fn package(population: &Population, uploads: &HashMap<u32, Vec<Upload>>, number: u32) -> Package {
    let project = population.project(number);
    let uploaded = uploads.get(&number).and_then(|own| own.iter().rev().find(|upload| upload.number == 0));
    let (file, file_since) = match uploaded {
        Some(upload) => (project.release_at(upload.release, upload.released_at), upload.at),
        None => {
            let last = project.release(project.releases.saturating_sub(1));
            let since = last.at;
            (last, since)
        }
    };
    let filename = file.files().next().map_or_else(String::new, |file| file.filename);
    Package {
        project: number,
        page: page_path(&project.name),
        file: file_path(&project.name, &filename),
        file_since,
    }
}

/// Which prefixes of path digests lie in a bin that a sample touches, for some number of bins.
struct Needed(BTreeMap<Set, Vec<bool>>);

impl Needed {
    fn new(samples: &[Vec<Package>], bit_lengths: &[u8]) -> Self {
        let mut needed = BTreeMap::new();
        for set in [Set::Index, Set::Files] {
            let mut all = vec![false; 1 << 16];
            for package in samples.iter().flatten() {
                let bits = prefix_bits(package.path(set));
                for &bit_length in bit_lengths {
                    let (bin, width) = (bin_of(bits, bit_length), 1_usize << (16 - bit_length));
                    all[bin * width..(bin + 1) * width].fill(true);
                }
            }
            needed.insert(set, all);
        }
        Self(needed)
    }

    fn has(&self, set: Set, bits: u16) -> bool {
        self.0.get(&set).is_some_and(|all| all[usize::from(bits)])
    }
}

fn add_members(members: &mut Vec<Member>, needed: &Needed, project: &Project, uploads: &[Upload]) {
    let before = project.releases * u32::from(project.kind.files());
    let path = page_path(&project.name);
    let bits = prefix_bits(&path);
    if needed.has(Set::Index, bits) {
        let mut states = Vec::new();
        if before > 0 {
            states.push((Timestamp::MIN, page_target(&path, before)));
        }
        for (upload, files) in uploads.iter().zip(before + 1..) {
            states.push((upload.at, page_target(&path, files)));
        }
        members.push(Member { set: Set::Index, prefix_bits: bits, states });
    }
    let mut add_file = |file: sealdex_workload::File, since| {
        let path = file_path(&project.name, &file.filename);
        let bits = prefix_bits(&path);
        if needed.has(Set::Files, bits) {
            let target = Target { path, length: file.size, sha256: file.sha256 };
            members.push(Member { set: Set::Files, prefix_bits: bits, states: vec![(since, target)] });
        }
    };
    for release in project.all_releases() {
        release.files().for_each(|file| add_file(file, Timestamp::MIN));
    }
    for upload in uploads {
        let release = project.release_at(upload.release, upload.released_at);
        if let Some(file) = release.files().nth(upload.number.into()) {
            add_file(file, upload.at);
        }
    }
}

/// A page with so many files. Its bytes are not made: 350 bytes a file and a digest of its own are as good here, where
/// the digits of both are counted.
fn page_target(path: &str, files: u32) -> Target {
    let sha256 = sha256(format!("{path} with {files}").as_bytes());
    Target { path: path.to_owned(), length: 150 + 350 * u64::from(files), sha256 }
}
