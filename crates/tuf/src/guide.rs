//! How to use this crate: a repository, a client, and what is left for the caller to do.
//!
//! Contents: [a repository](#a-repository) · [a client](#a-client) · [what the caller owes](#what-the-caller-owes) ·
//! [offline](#offline) · [errors](#errors) · [keys](#keys)
//!
//! The same on real files and a real network is in `examples/`: `repository.rs`, `blocking_client.rs`,
//! `async_client.rs`. Copy from there.
//!
//! # A repository
//!
//! Fill in the types of [`metadata`](crate::metadata), [sign](crate::sign::sign) them, and put the bytes where clients
//! ask for them (specification, section 6).
//!
//! ```
#![doc = include_str!("guide/repository.rs")]
//!
//! let path = TargetPath::parse("app-1.0.tar.gz")?;
//! let files = publish("2999-01-01T00:00:00Z".parse()?, &path, b"the program")?;
//! assert_eq!(files.keys().filter(|path| path.starts_with("metadata/")).count(), 8);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The next version: raise [`version`](crate::metadata::Common::version) and `expires` of what has changed, list it in
//! a new snapshot, list that in a new timestamp. A new root is signed by the keys of the last one *and* by its own;
//! where key holders sign one after another, each calls [`add_signature`](crate::sign::add_signature), and
//! [`SignatureStatus`](crate::SignatureStatus) says who is missing.
//!
//! # A client
//!
//! [`Updater`](crate::Updater) says what to do next; a loop does it. The repository is the one above.
//!
//! ```
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/guide/repository.rs"));
//! use sealdex_tuf::{Answer, Limits, Step, Updater};
//!
//! /// Goes on until the updater has nothing more to ask.
//! fn drive(
//!     updater: &mut Updater,
//!     web: &BTreeMap<String, Vec<u8>>,
//!     disk: &mut BTreeMap<RoleName, Vec<u8>>,
//! ) -> Result<(), Error> {
//!     let found = |file: Option<&Vec<u8>>| match file {
//!         Some(bytes) => Answer::Bytes(bytes.clone()),
//!         None => Answer::Absent,
//!     };
//!     loop {
//!         let answer = match updater.step()? {
//!             Step::Done => return Ok(()),
//!             Step::Read(role) => found(disk.get(&role)),
//!             // From a network, at most `request.max_bytes` + 1 bytes, within a time limit.
//!             Step::Fetch(request) => found(web.get(&format!("metadata/{}", request.path))),
//!             Step::Write(role, bytes) => {
//!                 disk.insert(role, bytes.to_vec());
//!                 Answer::Written
//!             }
//!             Step::Delete(role) => {
//!                 disk.remove(&role);
//!                 Answer::Written
//!             }
//!         };
//!         updater.answer(answer)?;
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let now: Time = "2026-11-21T12:00:00Z".parse()?;
//! let path = TargetPath::parse("app-1.0.tar.gz")?;
//! let web = publish("2026-12-01T00:00:00Z".parse()?, &path, b"the program")?;
//!
//! // The first root comes with the software. Later, begin with the one that was written last.
//! let mut disk = BTreeMap::new();
//! let mut updater = Updater::new(&web["metadata/1.root.json"], now, Limits::default())?;
//! drive(&mut updater, &web, &mut disk)?;
//!
//! // Which file is it? Verified metadata says so, or says that there is none.
//! updater.search(path)?;
//! drive(&mut updater, &web, &mut disk)?;
//! let target = updater.found()?.ok_or("there is no such target")?;
//!
//! // Check the bytes as they arrive; use none of them before `finish`.
//! let mut check = target.check()?;
//! for chunk in web[&format!("targets/{}", target.url_path())].chunks(4) {
//!     check.update(chunk)?;
//! }
//! check.finish()?;
//! assert!(target.verify(b"the trojan!").is_err());
//!
//! // The next run verifies what is on the disk, and asks for a newer root first.
//! let root = disk.get(&RoleName::root()).unwrap_or(&web["metadata/1.root.json"]);
//! let next = Updater::new(root, now, Limits::default())?;
//! assert!(matches!(next.step()?, Step::Fetch(request) if request.path == "2.root.json"));
//! # Ok(())
//! # }
//! ```
//!
//! # What the caller owes
//!
//! The core decides what is trusted. These remain, because they need a disk, a clock or a network:
//!
//! | what | why |
//! |---|---|
//! | The first root comes with the software, or over a channel trusted as much. | Everything rests on it (5.2). |
//! | Steps are done in the order given, each *durable* before its answer. | The order survives a crash at any point: what a new root makes worthless is deleted before that root is written. |
//! | A write replaces the file in one step: write beside it, synchronise, rename, synchronise the directory. | Half a file is fetched again, but half a *root* has to be begun anew. |
//! | One update at a time on one directory: a lock from the first read to the last write. | Two at once could each write what it took for the latest: versions fall. |
//! | Names for the disk come from [`RoleName::stored_file_name`](crate::RoleName::stored_file_name) and [`TargetPath::file_name`](crate::TargetPath::file_name). | The repository chooses role names and target paths: `../x`, or `Timestamp` where the disk does not tell it from `timestamp`. |
//! | A fetch reads [`max_bytes`](crate::Request::max_bytes) + 1 at most; answer with what was read. | Endless data. The core refuses the byte too many. |
//! | A fetch has a limit of its whole time, not only between two bytes. | Slow retrieval: a byte a minute is progress for ever. |
//! | [`Answer::Absent`](crate::Answer::Absent) means that the repository said so (404, 403). Any other failure ends the update. | "There is no newer root", said by a broken connection, would keep a client at a root whose keys were stolen. |
//! | `now` is read once for each update, from a clock that is about right. | Expiry is what ends a freeze (5.1). |
//! | Bytes of a target are used after [`finish`](crate::TargetCheck::finish), from where they were checked. | Otherwise they may not be the ones. |
//!
//! One update is one [`Updater`](crate::Updater). It may be searched as often as one likes; all answers are from one
//! snapshot. A process that lives long makes a new one now and then: what an updater trusts does not expire while it
//! lives, [`TrustedMetadata::expires`](crate::TrustedMetadata::expires) says when it should.
//!
//! # Offline
//!
//! Without a network, answer the fetch of a root with [`Answer::Absent`](crate::Answer::Absent), the fetch of the
//! timestamp with the stored one, and end the update at any other fetch. What was trusted is verified again, and serves
//! until it expires. Do so only when a person asked to be offline; after a failed connection it is a freeze.
//!
//! # Errors
//!
//! [`Error`](crate::Error) has a variant for each refusal, with the role or file, what was expected and what was found.
//! [`Error::attack`](crate::Error::attack) names the attack it looks like, if it can be one. After an error a refresh
//! has ended: nothing of it is trusted but what was verified and written before, which stays valid. Begin again with a
//! new updater, later. A failed search has no answer, neither yes nor no; what the refresh brought can still be
//! searched.
//!
//! # Keys
//!
//! | scheme | for |
//! |---|---|
//! | [`Ed25519`](crate::Scheme::Ed25519) | the default choice: every client knows it |
//! | [`EcdsaSha2Nistp256`](crate::Scheme::EcdsaSha2Nistp256), [`EcdsaSha2Nistp384`](crate::Scheme::EcdsaSha2Nistp384) | tokens and key services that have no Ed25519 |
//! | [`RsassaPssSha256`](crate::Scheme::RsassaPssSha256) | older hardware; large and slow to sign |
//! | [`MlDsa44`](crate::Scheme::MlDsa44), [`MlDsa65`](crate::Scheme::MlDsa65), [`MlDsa87`](crate::Scheme::MlDsa87) | safe from quantum computers (TAP 21): for roots that must last; signatures of 2.4 to 4.6 kB, few other clients know it |
//!
//! [`KeyPair`](crate::KeyPair) is a key in memory. For a token or a service implement [`Signer`](crate::Signer), two
//! functions. A key of an unknown scheme does not make metadata unreadable; it counts for nothing.
