//! A repository that python-tuf wrote: our updater, over the file system, verifies every target of it.

use std::fs;
use std::path::{Path, PathBuf};

use sealdex_testkit::clock;
use sealdex_tuf::json::{Object, Value};
use sealdex_tuf::{Answer, Error, Limits, RoleName, Step, TargetPath, Updater};

use crate::script;

/// A client with its store in a folder, reading the repository from another.
struct FolderClient {
    repository: PathBuf,
    store: PathBuf,
    updater: Updater,
}

impl FolderClient {
    fn refresh(repository: &Path, store: &Path, now: jiff::Timestamp) -> Result<Self, Error> {
        let root = fs::read(store.join("root.json")).unwrap();
        let updater = Updater::new(&root, now, Limits::default())?;
        let mut client = Self { repository: repository.to_owned(), store: store.to_owned(), updater };
        client.run()?;
        Ok(client)
    }

    fn run(&mut self) -> Result<(), Error> {
        let read = |path: PathBuf| fs::read(path).map_or(Answer::Absent, Answer::Bytes);
        loop {
            let answer = match self.updater.step()? {
                Step::Done => return Ok(()),
                Step::Read(role) => read(self.store.join(role.file_name())),
                Step::Fetch(request) => read(self.repository.join("metadata").join(request.path)),
                Step::Write(role, bytes) => {
                    fs::write(self.store.join(role.file_name()), bytes).unwrap();
                    Answer::Written
                }
                Step::Delete(role) => {
                    let _absent = fs::remove_file(self.store.join(role.file_name()));
                    Answer::Written
                }
            };
            self.updater.answer(answer)?;
        }
    }
}

fn object(value: Option<&Value>) -> &Object {
    match value {
        Some(Value::Object(object)) => object,
        other => panic!("not an object: {other:?}"),
    }
}

fn percent_decoded(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first == b'%' {
            bytes.extend(hex::decode(&tail[..2]).unwrap());
            rest = &tail[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn every_target_is_verified(bins: &str) {
    let folder = tempfile::tempdir().unwrap();
    let repository = folder.path().join("repository");
    script("generate_repository.py", &[repository.to_str().unwrap(), bins]);
    let store = folder.path().join("store");
    fs::create_dir(&store).unwrap();
    fs::copy(repository.join("metadata/1.root.json"), store.join("root.json")).unwrap();

    let mut client = FolderClient::refresh(&repository, &store, clock::START).unwrap();
    let trusted = client.updater.trusted().unwrap();
    assert_eq!(trusted.root().common.version.number(), 2);

    let expected = Value::parse(&fs::read(repository.join("expected.json")).unwrap()).unwrap();
    let expected = object(Some(&expected));
    let found = object(expected.value("found"));
    assert_eq!(found.len(), 62);
    for (path, entry) in found.iter() {
        client.updater.search(TargetPath::parse(path).unwrap()).unwrap();
        client.run().unwrap();
        let target = client.updater.found().unwrap().unwrap_or_else(|| panic!("{path} was not found"));
        let entry = object(Some(entry));
        assert_eq!(Some(&Value::from(target.role().as_str())), entry.value("role"), "{path}");
        let bytes = fs::read(repository.join("targets").join(percent_decoded(&target.url_path()))).unwrap();
        target.verify(&bytes).unwrap();
        assert_eq!(Some(&Value::String(String::from_utf8(bytes).unwrap())), entry.value("content"), "{path}");
        assert_eq!(target.file().custom.as_ref().unwrap().value("note"), Some(&"caf\u{e9} \u{2713}".into()));
    }
    let Some(Value::Array(absent)) = expected.value("absent") else { panic!("not a list") };
    for path in absent {
        let Value::String(path) = path else { panic!("not a text") };
        client.updater.search(TargetPath::parse(path.as_str()).unwrap()).unwrap();
        client.run().unwrap();
        assert_eq!(client.updater.found().unwrap(), None, "{path}");
    }

    // What was stored is all it takes the next time, and what is changed in it is noticed.
    for file in fs::read_dir(repository.join("metadata")).unwrap().map(|file| file.unwrap().path()) {
        if !file.ends_with("timestamp.json") {
            fs::remove_file(file).unwrap();
        }
    }
    FolderClient::refresh(&repository, &store, clock::START).unwrap();
    let snapshot = store.join(RoleName::snapshot().file_name());
    let text = fs::read_to_string(&snapshot).unwrap();
    fs::write(
        &snapshot,
        text.replacen("\"version\":1", "\"version\":2", 1).replacen("\"version\": 1", "\"version\": 2", 1),
    )
    .unwrap();
    assert_ne!(fs::read_to_string(&snapshot).unwrap(), text);
    assert!(matches!(
        FolderClient::refresh(&repository, &store, clock::START).err(),
        Some(Error::Missing { file }) if file == "1.snapshot.json"
    ));
    assert!(matches!(
        FolderClient::refresh(&repository, &store, clock::days_after_start(200)).err(),
        Some(Error::Expired { .. })
    ));
}

#[test]
fn with_explicit_hash_prefixes() {
    every_target_is_verified("explicit");
}

#[test]
fn with_succinct_bins() {
    every_target_is_verified("succinct");
}
