//! The disk fails at some moment (`bucket.rs` has the same of an object store): the error says where, nothing is written by halves, and it goes on once it is mended.

#![expect(clippy::unwrap_used, reason = "a panic is a test's failure report")]

mod support;

use std::path::Path;

use sealdex_repository::layout::BinStyle;
use sealdex_repository::{Error, Layout};
use support::{World, add_wheel, wheel};

/// Takes a folder away for as long as `work` runs: what is written there meanwhile fails.
async fn without<T>(folder: &Path, work: impl Future<Output = T>) -> T {
    let aside = folder.with_extension("aside");
    std::fs::rename(folder, &aside).unwrap();
    let result = work.await;
    let _ = std::fs::remove_dir_all(folder);
    std::fs::rename(&aside, folder).unwrap();
    result
}

fn small() -> Layout {
    Layout::pep458(BinStyle::Succinct, 2).unwrap()
}

#[tokio::test]
async fn what_cannot_be_stored_is_not_submitted() {
    let world = World::in_directory(small()).await;
    let (repository, six) = (&world.repository, wheel("six", "1.0"));
    let refused = without(&repository.directory().staging(), async { repository.stage() }).await;
    assert!(matches!(refused, Err(Error::Io { .. })));
    // A file where a folder is to be made.
    let files = repository.directory().targets().join("files");
    std::fs::write(&files, "in the way").unwrap();
    assert!(matches!(add_wheel(repository, &six).await, Err(Error::Io { .. })));
    assert!(repository.log(None, 10).await.unwrap().is_empty());
    std::fs::remove_file(&files).unwrap();
    add_wheel(repository, &six).await.unwrap();
    world.writer().await.publish_pending().await.unwrap().unwrap();
    assert!(world.judge().target(&format!("files/six/{}", six.file_name)).is_some());
}

#[tokio::test]
async fn what_was_signed_is_delivered_once_the_disk_works_again() {
    let world = World::in_directory(small()).await;
    let (repository, six) = (&world.repository, wheel("six", "1.0"));
    add_wheel(repository, &six).await.unwrap();
    let mut writer = world.writer().await;
    // Folders where the bins are to be written: by then everything is signed, and in the database.
    let metadata = repository.directory().metadata();
    let obstacles: Vec<_> = (0..4).map(|bin| metadata.join(format!("2.index-{bin}.json"))).collect();
    obstacles.iter().for_each(|obstacle| std::fs::create_dir(obstacle).unwrap());
    let failed = writer.publish_pending().await;
    assert!(matches!(failed, Err(Error::Io { .. })), "{failed:?}");
    obstacles.iter().for_each(|obstacle| std::fs::remove_dir(obstacle).unwrap());
    assert!(world.judge().target("simple/six/index.json").is_none(), "the snapshot before is served");
    let signed = std::fs::read(metadata.join("2.snapshot.json")).unwrap();
    let seven = wheel("seven", "1.0");
    add_wheel(repository, &seven).await.unwrap();
    writer.publish_pending().await.unwrap().unwrap();
    assert_eq!(std::fs::read(metadata.join("2.snapshot.json")).unwrap(), signed);
    let mut judge = world.judge();
    assert!(judge.target(&format!("files/six/{}", six.file_name)).is_some());
    assert!(judge.target(&format!("files/seven/{}", seven.file_name)).is_some());
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_written_is_signed_again() {
    let world = World::in_directory(small()).await;
    let (repository, six) = (&world.repository, wheel("six", "1.0"));
    add_wheel(repository, &six).await.unwrap();
    let mut writer = world.writer().await;
    let metadata = repository.directory().metadata();
    let failed = without(&metadata, writer.publish_pending()).await;
    assert!(matches!(failed, Err(Error::Io { .. })), "{failed:?}");
    assert!(world.judge().target("simple/six/index.json").is_none(), "the snapshot before is served");
    let publication = writer.publish_pending().await.unwrap().unwrap();
    assert_eq!(publication.snapshot_version.number(), 3, "version 2 may have been written");
    assert!(world.judge().target("simple/six/index.json").is_some());
}

#[tokio::test]
async fn a_page_that_cannot_be_written_is_published_later() {
    let world = World::in_directory(small()).await;
    let (repository, six) = (&world.repository, wheel("six", "1.0"));
    add_wheel(repository, &six).await.unwrap();
    let mut writer = world.writer().await;
    let simple = repository.directory().targets().join("simple");
    std::fs::write(&simple, "in the way").unwrap();
    assert!(writer.publish_pending().await.is_err());
    std::fs::remove_file(&simple).unwrap();
    let publication = writer.publish_pending().await.unwrap().unwrap();
    assert_eq!(publication.snapshot_version.number(), 3, "version 2 may have been written");
    assert!(world.judge().target("simple/six/index.json").is_some());
}
