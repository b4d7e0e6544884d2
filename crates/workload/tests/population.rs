//! The workload is the same each time, and what it says it is.
#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::collections::HashSet;

use sealdex_simple::{DistributionFilename, ProjectName};
use sealdex_workload::{PYPI_PROJECTS, Population, START, manifest};

fn lines(projects: u32) -> String {
    let mut out = Vec::new();
    manifest::write_manifest(&Population::new(projects).unwrap(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn the_same_bytes_each_time_and_on_each_machine() {
    let expected = concat!(
        r#"{"name":"baba-client","filename":"baba_client-0.1.1-py3-none-any.whl","size":449352,"hashes":"#,
        r#"{"sha256":"f060a7a4101f019a3d76ab587fcb8b5998883ce08d72310524cc10bd59df5382"},"#,
        r#""upload-time":"2025-12-06T22:48:35.000000Z","requires-python":">=3.6"}"#,
    );
    let first = lines(10_000);
    assert_eq!(first.lines().nth(4), Some(expected));
    assert_eq!(first.lines().count(), 230_904);
    let other = Population::seeded(10_000, 1).unwrap();
    let mut differing = Vec::new();
    manifest::write_manifest(&other, &mut differing).unwrap();
    assert_ne!(differing, first.into_bytes());
}

#[test]
fn a_line_is_what_an_index_would_take_in() {
    let mut names = HashSet::new();
    let mut files = HashSet::new();
    let mut last = String::new();
    for line in lines(300).lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let (name, filename) = (line["name"].as_str().unwrap(), line["filename"].as_str().unwrap());
        assert_eq!(ProjectName::parse(name).unwrap().as_str(), name, "normalised");
        let parsed = DistributionFilename::parse(filename).unwrap();
        assert_eq!(parsed.project().as_str(), name);
        assert!(files.insert(filename.to_owned()), "{filename} twice");
        assert!(last == name || names.insert(name.to_owned()), "{name} in two places");
        name.clone_into(&mut last);
        assert!(line["size"].as_u64().unwrap() >= 400);
        assert_eq!(line["hashes"]["sha256"].as_str().unwrap().len(), 64);
        let time: jiff::Timestamp = line["upload-time"].as_str().unwrap().parse().unwrap();
        assert!(time < START, "{time}");
    }
    assert_eq!(names.len(), 300);
}

#[test]
fn the_whole_population_is_pypis() {
    let population = Population::new(PYPI_PROJECTS).unwrap();
    let (mut releases, mut files, mut single, mut largest) = (0_u64, 0_u64, 0_u64, 0_u32);
    for project in population.iter() {
        releases += u64::from(project.releases);
        files += u64::from(project.releases) * u64::from(project.kind.files());
        single += u64::from(project.releases == 1);
        largest = largest.max(project.releases);
    }
    assert!((8_290_000..8_310_000).contains(&releases), "{releases} releases");
    assert!((17_500_000..18_500_000).contains(&files), "{files} files");
    assert!((0.289..0.291).contains(&(single as f64 / 740_000.0)), "{single} with one release");
    assert_eq!(largest, 9475);
}

#[test]
fn a_small_index_has_the_same_shape() {
    let population = Population::new(20_000).unwrap();
    let releases: Vec<u32> = population.iter().map(|project| project.releases).collect();
    let single = releases.iter().filter(|&&releases| releases == 1).count();
    assert!((5700..5900).contains(&single), "{single}");
    let mean = releases.iter().map(|&releases| f64::from(releases)).sum::<f64>() / 20_000.0;
    assert!((10.5..11.5).contains(&mean), "{mean}");
}

#[test]
fn sizes_are_log_normal() {
    let population = Population::new(20_000).unwrap();
    let mut sizes: Vec<u64> = Vec::new();
    for project in population.iter() {
        sizes.extend(project.all_releases().flat_map(|release| {
            let sizes: Vec<u64> = release.files().map(|file| file.size).collect();
            sizes
        }));
    }
    sizes.sort_unstable();
    let mean = sizes.iter().sum::<u64>() as f64 / sizes.len() as f64;
    assert!((1.3e6..1.56e6).contains(&mean), "{mean}");
    let median = sizes[sizes.len() / 2];
    assert!((81_000..86_000).contains(&median), "{median}");
}

#[test]
fn impossible_sizes_are_refused() {
    assert!(Population::new(0).is_none());
    assert!(Population::new(Population::MAX_PROJECTS + 1).is_none());
    assert_eq!(Population::new(1).unwrap().iter().count(), 1);
}

#[test]
fn people_install_what_is_popular() {
    let population = Population::new(PYPI_PROJECTS).unwrap();
    let mut often = std::collections::HashMap::<u32, u32>::new();
    let mut releases = Vec::new();
    for sample in 0..200 {
        let install = population.install(50, sample);
        assert_eq!(install.iter().collect::<HashSet<_>>().len(), 50);
        assert_eq!(install, population.install(50, sample));
        for project in install {
            *often.entry(project).or_default() += 1;
            releases.push(population.project(project).releases);
        }
    }
    releases.sort_unstable();
    // The median of all projects is 3.
    assert!(releases[releases.len() / 2] > 20, "{}", releases[releases.len() / 2]);
    let most = often.values().max().unwrap();
    assert!((100..=200).contains(most), "the most popular project is in {most} of 200 installations");
    assert!(often.len() > 3000, "{} different projects", often.len());
    assert_eq!(Population::new(3).unwrap().install(50, 0).len(), 3);
}
