//! Verifying what is served: a single wrong byte anywhere is found.

#![expect(clippy::unwrap_used, reason = "a panic is a test's failure report")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use sealdex_repository::layout::BinStyle;
use sealdex_repository::{Existing, Layout};
use support::{World, add_target, add_wheel, wheel};

/// The file in a folder whose name ends so.
fn only(folder: &Path, end: &str) -> PathBuf {
    let all = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let found: Vec<PathBuf> = all.filter(|path| path.to_string_lossy().ends_with(end)).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found.into_iter().next().unwrap()
}

/// Damages the file in ways that keep or change its length; each is one fault, and none is left when it is as it was.
async fn every_damage_is_found(world: &World, path: &Path) {
    let right = fs::read(path).unwrap();
    let mut flipped = right.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let mut longer = right.clone();
    longer.push(b'\n');
    for wrong in [flipped, longer, right[..right.len() - 1].to_vec(), Vec::new()] {
        fs::write(path, wrong).unwrap();
        faults(world, 1).await;
    }
    fs::remove_file(path).unwrap();
    faults(world, 1).await;
    fs::write(path, right).unwrap();
    faults(world, 0).await;
}

async fn faults(world: &World, count: u64) {
    let found = world.repository.verify(|_, _| {}).await.unwrap();
    assert_eq!(found.fault_count, count, "{found:?}");
}

#[tokio::test]
async fn damaged_pages_distributions_and_core_metadata_are_found() {
    for layout in
        [Layout::index_only(BinStyle::Succinct, 2).unwrap(), Layout::pep458(BinStyle::Explicit, 2).unwrap()]
    {
        let world = World::in_directory(layout).await;
        add_wheel(&world.repository, &wheel("six", "1.0")).await.unwrap();
        world.writer().await.publish_pending().await.unwrap().unwrap();
        let targets = world.repository.directory().targets();
        let found = world.repository.verify(|_, _| {}).await.unwrap();
        assert_eq!((found.pages, found.files, found.fault_count), (1, 1, 0), "{found:?}");
        every_damage_is_found(&world, &only(&targets.join("simple/six"), ".index.json")).await;
        every_damage_is_found(&world, &only(&targets.join("files/six"), ".whl")).await;
        every_damage_is_found(&world, &only(&targets.join("files/six"), ".whl.metadata")).await;
    }
}

#[tokio::test]
async fn damaged_files_of_a_tree_are_found() {
    let world = World::in_directory(Layout::tree(BinStyle::Succinct, 2).unwrap()).await;
    add_target(&world.repository, "docs/guide.txt", b"a guide", Existing::Keep).await.unwrap();
    // In no other tree is this a page.
    add_target(&world.repository, "simple/six/index.json", b"no page", Existing::Keep).await.unwrap();
    world.writer().await.publish_pending().await.unwrap().unwrap();
    let found = world.repository.verify(|_, _| {}).await.unwrap();
    assert_eq!((found.targets, found.files, found.fault_count), (2, 2, 0), "{found:?}");
    let targets = world.repository.directory().targets();
    every_damage_is_found(&world, &only(&targets.join("docs"), ".guide.txt")).await;
    every_damage_is_found(&world, &only(&targets.join("simple/six"), ".index.json")).await;
}
