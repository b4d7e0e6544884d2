//! The stream of uploads: its rate, its rhythm, whom it favours.

use std::collections::{HashMap, HashSet};

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use sealdex_workload::{PYPI_PROJECTS, Population, START, Upload, Uploads};

fn four_weeks(population: &Population) -> Vec<Upload> {
    let end = START + SignedDuration::from_hours(28 * 24);
    Uploads::starting(population, START).take_while(|upload| upload.at < end).collect()
}

#[test]
fn rate_and_rhythm_are_pypis() {
    let population = Population::new(PYPI_PROJECTS).unwrap();
    let uploads = four_weeks(&population);
    assert!(uploads.is_sorted_by_key(|upload| upload.at));
    let a_minute = uploads.len() as f64 / (28.0 * 1440.0);
    assert!((7.2..7.6).contains(&a_minute), "{a_minute} a minute");

    let (mut hours, mut days) = ([0.0; 24], [0.0; 7]);
    for upload in &uploads {
        let time = upload.at.to_zoned(TimeZone::UTC);
        hours[usize::try_from(time.hour()).unwrap()] += 1.0;
        days[usize::try_from(time.weekday().to_monday_zero_offset()).unwrap()] += 1.0;
    }
    assert!((1.7..2.3).contains(&(hours[15] / hours[3])), "{hours:?}");
    assert!((1.5..2.0).contains(&(days[2] / days[5])), "{days:?}");

    let new: HashSet<u32> =
        uploads.iter().map(|upload| upload.project).filter(|&project| project >= PYPI_PROJECTS).collect();
    let new_a_day = new.len() as f64 / 28.0;
    assert!((700.0..800.0).contains(&new_a_day), "{new_a_day} new projects a day");
}

#[test]
fn releases_come_whole_and_active_projects_come_again() {
    let population = Population::new(100_000).unwrap();
    let uploads = four_weeks(&population);
    let mut releases = HashMap::<(u32, u32), u8>::new();
    for upload in &uploads[..uploads.len() - 100] {
        let files = releases.entry((upload.project, upload.release)).or_default();
        assert_eq!(*files, upload.number, "in order");
        *files += 1;
    }
    for (&(project, release), &files) in releases.iter() {
        let whole = population.project(project).kind.files();
        let at_the_end = uploads[uploads.len() - 200..].iter().any(|upload| upload.project == project);
        assert!(files == whole || at_the_end, "release {release} of {project}: {files} of {whole}");
    }
    // In proportion to their releases, and again soon: the mean over releases is far above that over projects, 11.
    let existing: Vec<f64> = releases
        .keys()
        .map(|&(project, _)| f64::from(population.project(project).releases))
        .filter(|&releases| releases > 0.0)
        .collect();
    let mean = existing.iter().sum::<f64>() / existing.len() as f64;
    assert!(mean > 50.0, "{mean}");
}

#[test]
fn the_stream_is_replayable_and_goes_on_where_the_index_ends() {
    let population = Population::new(5000).unwrap();
    let (first, again) = (four_weeks(&population), four_weeks(&population));
    assert_eq!(first, again);
    let later = Uploads::starting(&population, START + SignedDuration::from_hours(1)).next().unwrap();
    assert!(!first.contains(&later));
    for upload in first.iter().take(500) {
        let (project, file) = upload.file(&population).unwrap();
        assert!(upload.release >= project.releases);
        assert_eq!(file.uploaded, upload.at);
        let mut line = Vec::new();
        upload.write_line(&population, &mut line);
        let line: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(line["filename"].as_str().unwrap(), file.filename);
    }
}
