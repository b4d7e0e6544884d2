//! A repository that we signed: python-tuf's client, unmodified, refreshes and downloads from it over loopback HTTP.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use sealdex_testkit::process::Process;
use sealdex_testkit::python::{self, Environment};
use sealdex_testkit::simulator::{Listing, Simulator, generate};
use sealdex_tuf::json::{Object, Value};
use sealdex_tuf::metadata::{DelegatedRole, DelegatedRoles, PathHashPrefix, PathSet, RoleKeys};
use sealdex_tuf::pattern::PathPattern;
use sealdex_tuf::{RoleName, Scheme, Signer, TargetPath, digest};

use crate::script;

/// python-tuf goes by the machine's clock.
const EXPIRES: jiff::Timestamp = jiff::Timestamp::constant(4_070_908_800, 0);

#[derive(Clone, Copy)]
enum Bins {
    Explicit,
    Succinct,
}

fn role(name: &str, paths: PathSet) -> DelegatedRole {
    DelegatedRole {
        name: Simulator::role(name),
        keys: RoleKeys::new(Vec::new(), 1),
        paths,
        terminating: true,
    }
}

/// The shape of PEP 458: `targets` delegates to `index`, which delegates to hashed bins.
fn repository(bins: Bins) -> Simulator {
    let mut simulator = Simulator::new();
    let pairs: Vec<_> = Scheme::KNOWN.iter().map(generate).collect();
    let old = simulator.signers["root"].clone();
    simulator.set_keys("root", &pairs, 7);
    simulator.signers.get_mut("root").unwrap().extend(old);
    simulator.set_keys("timestamp", &pairs[1..2], 1);
    simulator.set_keys("snapshot", &pairs[2..3], 1);
    simulator.set_keys("targets", &pairs[3..5], 2);
    simulator.listing = Listing::LengthsAndHashes;

    let pattern = PathPattern::new("simple/*/index.json");
    simulator.delegate("targets", role("index", PathSet::Patterns(vec![pattern])));
    let names: Vec<RoleName> = match bins {
        Bins::Succinct => {
            let pair = simulator.delegate_bins("index", 6, "index");
            let delegations = simulator.targets_role("index").delegations.clone().unwrap();
            let DelegatedRoles::Succinct(bins) = &delegations.roles else { panic!("not succinct") };
            let names: Vec<_> = bins.role_names().collect();
            simulator.signers.extend(names.iter().map(|name| (name.clone(), vec![pair.clone()])));
            names
        }
        Bins::Explicit => {
            let digits: Vec<char> = "0123456789abcdef".chars().collect();
            for four in digits.chunks(4) {
                let prefix = |digit: &char| PathHashPrefix::parse(&digit.to_string()).unwrap();
                let prefixes = PathSet::HashPrefixes(four.iter().map(prefix).collect());
                simulator.delegate("index", role(&format!("index-{}", four[0]), prefixes));
            }
            ["index-0", "index-4", "index-8", "index-c"].map(Simulator::role).to_vec()
        }
    };
    for name in &names {
        simulator.new_targets(name);
    }
    for number in 0..40 {
        let path = format!("simple/project{number}/index.json");
        simulator.add_target(&bin(&simulator, bins, &path), &path, format!("page {number}").as_bytes());
    }
    simulator.add_target("targets", "top \u{e9}.txt", b"top");
    simulator.common("index").unrecognized.insert("x-note", "\u{fc}ber \"all\" \\ \n");

    let mut published: Vec<String> = names.iter().map(|name| name.as_str().to_owned()).collect();
    published.extend(["index", "targets", "root"].map(str::to_owned));
    for name in published.iter().map(String::as_str).chain(["snapshot", "timestamp"]) {
        simulator.common(name).expires = EXPIRES;
    }
    simulator.publish_targets(&published.iter().map(String::as_str).collect::<Vec<_>>());
    simulator
}

fn bin(simulator: &Simulator, bins: Bins, path: &str) -> String {
    match bins {
        Bins::Explicit => {
            let digit = digest::sha256(path.as_bytes())[0] >> 4;
            format!("index-{:x}", digit / 4 * 4)
        }
        Bins::Succinct => {
            let delegations = simulator.targets["index"].delegations.as_ref().unwrap();
            let DelegatedRoles::Succinct(bins) = &delegations.roles else { panic!("not succinct") };
            bins.role_for(&TargetPath::parse(path).unwrap()).as_str().to_owned()
        }
    }
}

fn write(folder: &Path, path: &str, bytes: &[u8]) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn python_tuf_downloads_everything(bins: Bins) {
    let simulator = repository(bins);
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    for (path, bytes) in &simulator.files {
        write(&site, &format!("metadata/{path}"), bytes);
    }
    for (path, bytes) in &simulator.target_files {
        // The one encoded path: a web server decodes what it is asked for.
        write(&site, &format!("targets/{}", path.replace("%20", " ").replace("%C3%A9", "\u{e9}")), bytes);
    }
    let root = folder.path().join("root.json");
    fs::write(&root, &simulator.files["1.root.json"]).unwrap();

    let mut command = Command::new(Environment::tuf());
    command.args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory"]).arg(&site);
    let server = Process::start(python::isolate(&mut command));
    let line = server.wait_for_line("Serving HTTP", Duration::from_secs(30));
    let port = line.split_whitespace().skip_while(|word| *word != "port").nth(1).unwrap();

    let mut expected: Object = (0..40)
        .map(|number| (format!("simple/project{number}/index.json"), format!("page {number}").into()))
        .collect();
    expected.insert("top \u{e9}.txt", "top");
    expected.insert("simple/none/index.json", Value::Null);
    expected.insert("simple/project1/other.json", Value::Null);
    let wanted = Value::Array(expected.iter().map(|(path, _)| path.into()).collect()).to_json();
    let contents = script(
        "ngclient.py",
        &[
            &format!("http://127.0.0.1:{port}"),
            root.to_str().unwrap(),
            folder.path().join("client").to_str().unwrap(),
            &String::from_utf8(wanted).unwrap(),
        ],
    );
    assert_eq!(Value::parse(contents.as_bytes()).unwrap(), Value::Object(expected), "{}", server.log());
}

#[test]
fn with_explicit_hash_prefixes() {
    python_tuf_downloads_everything(Bins::Explicit);
}

#[test]
fn with_succinct_bins() {
    python_tuf_downloads_everything(Bins::Succinct);
}

#[test]
fn the_keys_of_the_repository_are_of_every_scheme() {
    let simulator = repository(Bins::Succinct);
    let schemes: BTreeSet<Scheme> =
        simulator.signers["root"].iter().map(|pair| pair.key().scheme().clone()).collect();
    assert_eq!(schemes, Scheme::KNOWN.into());
}
