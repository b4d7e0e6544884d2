use std::collections::BTreeMap;

use jiff::Timestamp as Time;
use sealdex_tuf::json::Object;
use sealdex_tuf::metadata::{
    Common, DelegatedRoles, Delegations, MetaFile, RoleKeys, Root, Snapshot,
    SuccinctRoles, TargetFile, Targets, Timestamp,
};
use sealdex_tuf::{
    Error, KeyPair, RoleName, Scheme, Signer, TargetPath, Version, sign::sign,
};

/// Version 1 of a repository with one target: what a web server has to have.
fn publish(
    expires: Time,
    path: &TargetPath,
    content: &[u8],
) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let version = Version::ONE;
    let common = || Common::new(version, expires);

    // `root` and `targets` sign seldom and offline, the third key signs what changes daily.
    let root_key = KeyPair::generate(&Scheme::Ed25519)?;
    let targets_key = KeyPair::generate(&Scheme::Ed25519)?;
    let online_key = KeyPair::generate(&Scheme::Ed25519)?;
    let only = |pair: &KeyPair| RoleKeys::new(vec![pair.key().id()], 1);

    // Who signs what.
    let root = Root {
        common: common(),
        consistent_snapshot: true,
        keys: [&root_key, &targets_key, &online_key]
            .map(|pair| (pair.key().id(), pair.key().clone()))
            .into(),
        root: only(&root_key),
        targets: only(&targets_key),
        snapshot: only(&online_key),
        timestamp: only(&online_key),
        other_roles: Object::new(),
    };

    // `targets` delegates to four bins; a hash of the path says which (TAP 15).
    let bins = SuccinctRoles::new(only(&online_key), 2, "bin")?;
    let mut targets = Targets::new(common());
    targets.delegations = Some(Delegations::new(
        [online_key.key().clone()],
        DelegatedRoles::Succinct(bins.clone()),
    ));
    let mut signed = vec![(RoleName::targets(), sign(&targets, &[&targets_key])?)];
    for bin in bins.role_names() {
        let mut targets = Targets::new(common());
        if bin == bins.role_for(path) {
            targets.targets.insert(path.clone(), TargetFile::of_bytes(content));
        }
        signed.push((bin, sign(&targets, &[&online_key])?));
    }

    // The snapshot lists what belongs together, the timestamp which snapshot is the latest.
    let mut snapshot = Snapshot { common: common(), meta: BTreeMap::new() };
    for (role, bytes) in &signed {
        snapshot.meta.insert(role.clone(), MetaFile::of_bytes(version, bytes));
    }
    signed.push((RoleName::root(), sign(&root, &[&root_key])?));
    signed.push((RoleName::snapshot(), sign(&snapshot, &[&online_key])?));
    let latest = MetaFile::of_bytes(version, &signed[signed.len() - 1].1);
    let timestamp = Timestamp { common: common(), snapshot: latest };

    // On a disk, the timestamp is written last: it makes the rest of the version visible.
    let served = TargetFile::of_bytes(content).hashes;
    let mut files = BTreeMap::new();
    files.insert(
        format!("targets/{}", path.url_path(served.file_name_digest())),
        content.to_vec(),
    );
    for (role, bytes) in signed {
        files.insert(format!("metadata/{}", role.versioned_file_name(version)), bytes);
    }
    files.insert(
        "metadata/timestamp.json".to_owned(),
        sign(&timestamp, &[&online_key])?,
    );
    Ok(files)
}
