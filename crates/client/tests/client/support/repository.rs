//! A signed repository on disk: root, timestamp, snapshot, targets, 16 succinct bins.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp as Time};
use sealdex_simple::layout::{file_target_path, index_page_target_path, relative_file_url};
use sealdex_simple::{CoreMetadata, FileName, IndexFile, IndexPage, ProjectName};
use sealdex_testkit::archive::{Archive, sha256_hex};
use sealdex_testkit::wheel::WheelBuilder;
use sealdex_tuf::digest::HashAlgorithm;
use sealdex_tuf::json::Object;
use sealdex_tuf::metadata::{
    Common, DelegatedRoles, Delegations, MetaFile, RoleKeys, Root, Snapshot, SuccinctRoles, TargetFile,
    Targets, Timestamp,
};
use sealdex_tuf::sign::{KeyPair, Signer, sign};
use sealdex_tuf::{RoleName, Scheme, TargetPath, Version};
use tempfile::TempDir;

/// A repository that signs and publishes on demand. Its folder can be served by any web server.
pub(crate) struct TestRepository {
    folder: TempDir,
    root_key: KeyPair,
    online_key: KeyPair,
    root: Vec<u8>,
    /// The version of root, and of targets: they change together.
    root_version: u64,
    version: u64,
    pages: BTreeMap<ProjectName, IndexPage>,
    targets: BTreeMap<TargetPath, TargetFile>,
    /// The version each bin was last published with, and its content where it need not be signed anew.
    bins: BTreeMap<RoleName, (u64, Option<BTreeMap<TargetPath, TargetFile>>)>,
    /// When timestamp and snapshot published from now on expire.
    pub(crate) expires: Time,
}

impl TestRepository {
    /// An empty repository, published.
    pub(crate) fn new() -> Self {
        let key = || KeyPair::generate(&Scheme::Ed25519).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut new = Self {
            folder,
            root_key: key(),
            online_key: key(),
            root: Vec::new(),
            root_version: 0,
            version: 0,
            pages: BTreeMap::new(),
            targets: BTreeMap::new(),
            bins: BTreeMap::new(),
            expires: in_hours(24),
        };
        new.publish_root();
        new.publish();
        new
    }

    /// With the wheels `hello` 1.0, which needs `helper`, and `helper` 1.0.
    pub(crate) fn with_hello() -> Self {
        let mut repository = Self::new();
        repository.add("hello", &WheelBuilder::new("hello", "1.0").requires("helper").build());
        repository.add("helper", &WheelBuilder::new("helper", "1.0").build());
        repository.publish();
        repository
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The latest root.
    pub(crate) fn root(&self) -> &[u8] {
        &self.root
    }

    /// The id of the key that signs bins, snapshot and timestamp.
    pub(crate) fn online_key_id(&self) -> String {
        self.online_key.key().id().to_string()
    }

    /// The version of timestamp and snapshot.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Goes on after this version.
    pub(crate) fn set_version(&mut self, version: u64) {
        self.version = version;
    }

    /// Adds a distribution to its project's page. Call [`TestRepository::publish`] then.
    pub(crate) fn add(&mut self, project: &str, archive: &Archive) {
        let project = ProjectName::parse(project).unwrap();
        let filename = FileName::parse(&archive.file_name).unwrap();
        let digest = archive.sha256();
        let path = file_target_path(&project, &filename);
        for (name, bytes) in [("", &archive.bytes), (".metadata", &archive.core_metadata)] {
            self.write(&format!("{path}{name}"), bytes);
            self.write(&format!("targets/files/{project}/{digest}.{filename}{name}"), bytes);
        }
        self.targets.insert(TargetPath::parse(path).unwrap(), TargetFile::of_bytes(&archive.bytes));
        let mut file = IndexFile::new(filename.clone(), relative_file_url(&project, &filename));
        file.hashes.insert("sha256".to_owned(), digest);
        file.size = Some(archive.bytes.len() as u64);
        let sidecar = BTreeMap::from([("sha256".to_owned(), archive.core_metadata_sha256())]);
        file.core_metadata = CoreMetadata::Hashes(sidecar);
        let version = archive.file_name.split('-').nth(1).unwrap().to_owned();
        self.change_page(&project, |page| {
            page.files.retain(|own| own.filename != filename);
            page.files.push(file);
            if !page.versions.contains(&version) {
                page.versions.push(version);
            }
        });
    }

    /// Changes a project's page.
    pub(crate) fn change_page(&mut self, project: &ProjectName, change: impl FnOnce(&mut IndexPage)) {
        let page = self.pages.entry(project.clone()).or_insert_with(|| IndexPage::new(project.clone()));
        change(page);
        let json = page.to_json();
        self.seal(&index_page_target_path(project), &json);
    }

    /// Makes `bytes` the target `path`.
    pub(crate) fn seal(&mut self, path: &str, bytes: &[u8]) {
        let path = TargetPath::parse(path).unwrap();
        let digest = HashAlgorithm::Sha256.hex_digest(bytes);
        self.write(&format!("targets/{}", path.url_path(Some(&digest))), bytes);
        self.targets.insert(path, TargetFile::of_bytes(bytes));
    }

    /// The URL path of a project's page, as clients fetch it.
    pub(crate) fn page_path(&self, project: &str) -> String {
        let page = &self.pages[&ProjectName::parse(project).unwrap()];
        format!("/targets/simple/{project}/{}.index.json", sha256_hex(&page.to_json()))
    }

    /// The number of bins that these projects' pages are in.
    pub(crate) fn bins_of(&self, projects: &[ProjectName]) -> usize {
        let succinct = self.succinct();
        let page = |project| TargetPath::parse(index_page_target_path(project)).unwrap();
        projects.iter().map(|project| succinct.role_for(&page(project))).collect::<BTreeSet<_>>().len()
    }

    /// The bytes of a project's page.
    pub(crate) fn page_bytes(&self, project: &str) -> Vec<u8> {
        self.pages[&ProjectName::parse(project).unwrap()].to_json()
    }

    /// Signs and writes what has changed: bins, snapshot, and last the timestamp.
    pub(crate) fn publish(&mut self) {
        self.version += 1;
        let succinct = self.succinct();
        for bin in succinct.role_names() {
            let own: BTreeMap<_, _> = self
                .targets
                .iter()
                .filter(|(path, _)| succinct.role_for(path) == bin)
                .map(|(path, file)| (path.clone(), file.clone()))
                .collect();
            if self.bins.get(&bin).is_some_and(|(_, published)| published.as_ref() == Some(&own)) {
                continue;
            }
            let number = self.bins.get(&bin).map_or(1, |(number, _)| number + 1);
            let metadata = Targets { targets: own.clone(), ..Targets::new(common(number, in_hours(48))) };
            let bytes = sign(&metadata, &[&self.online_key]).unwrap();
            self.write(&format!("metadata/{number}.{}.json", bin.file_stem()), &bytes);
            self.bins.insert(bin, (number, Some(own)));
        }
        let mut meta: BTreeMap<_, _> = self
            .bins
            .iter()
            .map(|(bin, (number, _))| (bin.clone(), MetaFile::of_version(Version::new(*number).unwrap())))
            .collect();
        meta.insert(RoleName::targets(), MetaFile::of_version(Version::new(self.root_version).unwrap()));
        let snapshot = Snapshot { common: common(self.version, self.expires), meta };
        let bytes = sign(&snapshot, &[&self.online_key]).unwrap();
        self.write(&format!("metadata/{}.snapshot.json", self.version), &bytes);
        let timestamp = Timestamp {
            common: common(self.version, self.expires),
            snapshot: MetaFile::of_bytes(Version::new(self.version).unwrap(), &bytes),
        };
        let bytes = sign(&timestamp, &[&self.online_key]).unwrap();
        self.write("metadata/timestamp.json", &bytes);
    }

    /// Replaces the online key: a new root, and everything signed anew by the new key.
    pub(crate) fn rotate_online_key(&mut self) {
        self.online_key = KeyPair::generate(&Scheme::Ed25519).unwrap();
        self.publish_root();
        self.bins.values_mut().for_each(|(_, content)| *content = None);
    }

    /// Signs with a key that nobody has been told of, as somebody does who owns the server alone.
    pub(crate) fn forget_online_key(&mut self) {
        self.online_key = KeyPair::generate(&Scheme::Ed25519).unwrap();
        self.bins.values_mut().for_each(|(_, content)| *content = None);
    }

    fn publish_root(&mut self) {
        self.root_version += 1;
        let role = |key: &KeyPair| RoleKeys::new(vec![key.key().id()], 1);
        let online = || role(&self.online_key);
        let root = Root {
            common: common(self.root_version, in_hours(24 * 365)),
            consistent_snapshot: true,
            keys: [&self.root_key, &self.online_key].map(|pair| (pair.key().id(), pair.key().clone())).into(),
            root: role(&self.root_key),
            timestamp: online(),
            snapshot: online(),
            targets: role(&self.root_key),
            other_roles: Object::new(),
        };
        self.root = sign(&root, &[&self.root_key]).unwrap();
        let bytes = self.root.clone();
        self.write(&format!("metadata/{}.root.json", self.root_version), &bytes);
        let delegations =
            Delegations::new([self.online_key.key().clone()], DelegatedRoles::Succinct(self.succinct()));
        let targets = Targets {
            delegations: Some(delegations),
            ..Targets::new(common(self.root_version, in_hours(24 * 90)))
        };
        let bytes = sign(&targets, &[&self.root_key]).unwrap();
        self.write(&format!("metadata/{}.targets.json", self.root_version), &bytes);
    }

    fn succinct(&self) -> SuccinctRoles {
        SuccinctRoles::new(RoleKeys::new(vec![self.online_key.key().id()], 1), 4, "bins").unwrap()
    }

    /// Writes a file in one step, as a publisher does under the eyes of clients.
    fn write(&self, path: &str, bytes: &[u8]) {
        let path: PathBuf = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let partial = path.with_extension("partial");
        fs::write(&partial, bytes).unwrap();
        fs::rename(partial, path).unwrap();
    }
}

fn common(version: u64, expires: Time) -> Common {
    Common::new(Version::new(version).unwrap(), expires)
}

fn in_hours(hours: i64) -> Time {
    Time::now().checked_add(SignedDuration::from_hours(hours)).unwrap()
}
