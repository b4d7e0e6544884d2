//! Writes seeds for the fuzz targets to `seeds/`: files of the world's repository, pages, archives, forms, requests.
//!
//! `cargo run --manifest-path fuzz/Cargo.toml --example seeds`

use std::fs;
use std::path::Path;

use libfuzzer_sys as _;
use sealdex_fuzz::world::world;
use sealdex_simple::{
    CoreMetadata, DistributionFilename, FileName, IndexFile, IndexPage, ProjectList, ProjectName,
    ProjectState, ProjectStatus, Yanked, layout,
};
use sealdex_testkit::sdist::SdistBuilder;
use sealdex_testkit::wheel::WheelBuilder;

fn main() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let write = |target: &str, name: &str, bytes: &[u8]| {
        let folder = seeds.join(target);
        fs::create_dir_all(&folder).expect("the folder can be made");
        fs::write(folder.join(name), bytes).expect("the seed can be written");
    };
    metadata(&write);
    json(&write);
    updates(&write);
    paths(&write);
    pages(&write);
    distributions(&write);
    forms(&write);
    requests(&write);
    packed_answers(&write);
}

type Write<'a> = &'a dyn Fn(&str, &str, &[u8]);

fn metadata(write: Write<'_>) {
    for (number, publication) in world().publications.iter().enumerate() {
        for (role, bytes) in &publication.latest {
            let kind = match *role {
                "root" => 0,
                "timestamp" => 1,
                "snapshot" => 2,
                _ => 3,
            };
            if matches!(number, 0 | 2 | 5 | 7) {
                write("metadata", &format!("{role}-{number}"), &[&[kind], &bytes[..]].concat());
            }
        }
    }
    let other_keys = br#"{"signatures":[{"keyid":"x","sig":"00"}],"signed":{"_type":"targets","spec_version":"1.0.0",
        "version":1,"expires":"2030-01-01T00:00:00Z","x":[null,true],"targets":{"a":{"length":1,"custom":{"b":2},
        "hashes":{"sha256":"00","blake2b-256":"AA"}}},"delegations":{"keys":{"x":{"keytype":"ecdsa","scheme":
        "ecdsa-sha2-nistp256","keyval":{"public":"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n"}}},
        "roles":[{"name":"r","keyids":["x"],"threshold":1,"terminating":true,"path_hash_prefixes":["aB"]}]}}}"#;
    write("metadata", "other-keys", &[&[3], &other_keys[..]].concat());
}

fn json(write: Write<'_>) {
    write("canonical_json", "snapshot", &world().publications[2].latest["snapshot"]);
    let texts: [(&str, &str); 6] = [
        ("numbers", "[0,-1,1.5,-0,1e3,18446744073709551615,18446744073709551616,-9223372036854775808]"),
        ("integers", "[0,-1,18446744073709551615,-9223372036854775808]"),
        ("strings", r#"{"\u0000\n":"\ud83d\ude00\uffff\"\\\/\b","é":"e\u0301"}"#),
        ("twice", r#"{"a":{"b":1,"\u0062":2}}"#),
        ("nested", r#"[[[[{"a":[{"b":{}}]}]]],null,true,false]"#),
        ("space", " { \"b\" : 1 ,\t\"a\" : [ ] }\r\n"),
    ];
    for (name, text) in texts {
        write("canonical_json", name, text.as_bytes());
    }
}

/// Honest updates, and one for each attack that takes several things to come together. Written as `arbitrary` reads
/// them; if the input's types change, they are inputs like any other, and these functions have to follow.
fn updates(write: Write<'_>) {
    let last = world().publications.len() as u8 - 1;
    let honest: Vec<Update> = (0..=last).map(|publication| (publication, Vec::new())).collect();
    for (number, updates) in honest.chunks(3).enumerate() {
        write("updater", &format!("honest-{number}"), &encode(updates));
    }
    // Over a rotation of keys; to a day when what is stored has expired; and back.
    for (from, to) in [(0, last), (0, 3), (last, 0), (1, 0)] {
        let updates = [(from, Vec::new()), (to, Vec::new())];
        write("updater", &format!("honest-{from}-to-{to}"), &encode(&updates));
    }
    for search in 0..world().publications[0].targets.len() as u8 {
        for max_delegations in [None, Some(0), Some(2)] {
            let bytes = encode_one(&(5, Vec::new()), max_delegations, search);
            write("updater", &format!("search-{search}-{}", max_delegations.unwrap_or(9)), &bytes);
        }
    }
    let forged_well = |trick: Vec<u8>| [variant(4, 5), trick].concat();
    for role in 0..8_u8 {
        for publication in [1, 8] {
            let name = |kind: &str| format!("{kind}-{role}-{publication}");
            let one = |answer: Vec<u8>| encode(&[(0, Vec::new()), (publication, vec![(role, answer)])]);
            write("updater", &name("signed-anew"), &one(forged_well(variant(0, 6))));
            write("updater", &name("expired"), &one(forged_well(variant(1, 6))));
            write("updater", &name("too-few"), &one(forged(0, variant(1, 4), variant(0, 6))));
            let older = vec![(role, forged(2, variant(0, 4), variant(0, 6)))];
            write("updater", &name("older"), &encode(&[(publication, Vec::new()), (publication, older)]));
            write(
                "updater",
                &name("other-type"),
                &one(forged_well([variant(5, 6), vec![role + 1]].concat())),
            );
        }
        // The snapshot lists an older version of a role, or the role no more.
        let listed = |change: Vec<u8>| [variant(2, 6), vec![role], change].concat();
        let older = listed([vec![1], variant(3, 4), vec![1]].concat());
        for (name, trick) in [("lists-older", older), ("lists-no-more", listed(vec![0]))] {
            let updates = [(7, Vec::new()), (8, vec![(2, forged_well(trick))])];
            write("updater", &format!("{name}-{role}"), &encode(&updates));
        }
    }
    for role in 0..4_u8 {
        // A root that was signed by nobody but those it lists, or that takes keys away.
        let keys = |mask: u16, threshold: u8| {
            [variant(3, 6), vec![role], mask.to_le_bytes().to_vec(), vec![threshold]].concat()
        };
        write("updater", &format!("own-root-{role}"), &encode(&[(3, vec![(0, forged_well(keys(64, 1)))])]));
        let rotated = forged(1, variant(0, 4), keys(1 << role | 16, 1));
        write("updater", &format!("other-keys-{role}"), &encode(&[(0, Vec::new()), (1, vec![(0, rotated)])]));
        // One key under two ids is not two keys.
        let twice = forged(1, variant(0, 4), keys(1 << role, 130));
        let repeated = forged_well([variant(4, 6), vec![role, 128]].concat());
        let answers = vec![(0, twice), (role, repeated)];
        write("updater", &format!("one-key-twice-{role}"), &encode(&[(0, answers)]));
    }
}

/// The publication, and what is answered instead of which role's file.
type Update = (u8, Vec<(u8, Vec<u8>)>);

fn encode(updates: &[Update]) -> Vec<u8> {
    let updates = updates.iter().enumerate();
    updates.flat_map(|(number, update)| encode_one(update, None, number as u8)).collect()
}

/// An update 60 hours after the publication, with a limit on delegations if one is given.
fn encode_one((publication, answers): &Update, max_delegations: Option<u8>, search: u8) -> Vec<u8> {
    let mut bytes = vec![1, *publication];
    bytes.extend(variant(0, 2));
    bytes.push(60);
    match max_delegations {
        None => bytes.extend(variant(0, 6)),
        Some(number) => bytes.extend([variant(2, 6), vec![number]].concat()),
    }
    bytes.push(0);
    for (role, answer) in answers {
        bytes.extend([1, *role]);
        bytes.extend(answer);
    }
    bytes.extend([0, 255, search]);
    bytes
}

/// A forged file with this change of its version.
fn forged(version: u32, signers: Vec<u8>, trick: Vec<u8>) -> Vec<u8> {
    [variant(3, 5), variant(version, 4), variant(0, 3), signers, trick].concat()
}

/// The variant of that index of `count`.
fn variant(index: u32, count: u64) -> Vec<u8> {
    let first = ((u64::from(index) << 32).div_ceil(count)) as u32;
    first.to_le_bytes().to_vec()
}

fn paths(write: Write<'_>) {
    let texts = [
        ("star", "simple/*/index.json\nsimple/six/index.json\nindex-0a\n0a"),
        ("set", "[!a-c]?[]x]*\nz1]abc\nbin-3\nbin"),
        ("open", "*[a[b\n[a[b\n../x\nAbC0"),
        ("dots", "a/*/c\na/../c\n..\n"),
        ("encoded", "%2e%2e/*\nfiles/é b%2F\n\u{1b}[0m\nx"),
    ];
    for (name, text) in texts {
        for bits in [1_u8, 8, 32] {
            let bytes = [&[bits][..], &7_u64.to_le_bytes(), text.as_bytes()].concat();
            write("paths", &format!("{name}-{bits}"), &bytes);
        }
    }
}

fn pages(write: Write<'_>) {
    let project = ProjectName::parse("holy-grail").expect("a constant name");
    let mut page = IndexPage::new(project.clone());
    for (name, number) in
        [("holy_grail-1.0-py3-none-any.whl", 1), ("holy_grail-1.0.tar.gz", 2), ("a b.exe", 3)]
    {
        let filename = FileName::parse(name).expect("a constant name");
        let mut file = IndexFile::new(filename.clone(), layout::relative_file_url(&project, &filename));
        file.hashes.insert("sha256".to_owned(), format!("{number}").repeat(64));
        file.size = Some(number);
        file.upload_time = Some("2026-01-01T00:00:00.000000Z".to_owned());
        file.requires_python = Some(">=3.9,<4".to_owned());
        file.core_metadata = CoreMetadata::Hashes(file.hashes.clone());
        page.files.push(file);
    }
    page.versions = vec!["1.0".to_owned(), "not a version".to_owned()];
    write("pages", "plain", &[&[0], &page.to_json()[..]].concat());
    page.files[0].yanked = Yanked::Reason("<broken> & 'worse'".to_owned());
    page.files[1].yanked = Yanked::Yes;
    page.files[1].core_metadata = CoreMetadata::Present;
    page.files[1].gpg_sig = Some(true);
    page.files[2].provenance = Some("https://host/p?a&b".to_owned());
    page.files[2].url = "//host/a%20b.exe#sha256=00".to_owned();
    page.last_serial = Some(7);
    page.project_status = Some(ProjectStatus {
        state: ProjectState::Archived,
        reason: Some("done".to_owned()),
        extra: serde_json::Map::new(),
    });
    page.extra.insert("alternate-locations".to_owned(), serde_json::json!(["https://host/simple/x/"]));
    page.meta_extra.insert("tracks".to_owned(), serde_json::json!([]));
    write("pages", "full", &[&[0], &page.to_json()[..]].concat());
    let list = ProjectList { projects: vec![project, ProjectName::parse("A.b").expect("a constant name")] };
    write("pages", "list", &[&[1], &list.to_json()[..]].concat());
    let accept = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.latest+html; q=0.1, text/html; q=0.01";
    write("pages", "accept", &[&[2], accept.as_bytes()].concat());
    write("pages", "accept-any", b"\x02*/*;q=0.5, text/*;q=0, application/*;x=\"a,b\\\"\"");
    let hostile = "\u{3}\"'><script>alert(1)</script><!-- &amp; \n\r\t`\u{0}\u{1b}\u{85}".repeat(4);
    write("pages", "hostile", hostile.as_bytes());
}

fn distributions(write: Write<'_>) {
    for name in [
        "grail-1.0-py3-none-any.whl",
        "grail-1.0-1b-cp39.cp310-abi3-manylinux_2_17_x86_64.whl",
        "holy-grail-1.0.tar.gz",
        "a-1-1.zip",
        "grail-1!2.0rc1.post1.dev2+local.3.tar.gz",
    ] {
        DistributionFilename::parse(name).map_or_else(drop, drop);
        write("distributions", name, &[&[0], name.as_bytes()].concat());
    }
    let wheel = WheelBuilder::new("grail", "1.0").module("grail.py", "pass\n").requires("idna>=3").build();
    let line = |name: &str| format!("{name}\n").into_bytes();
    write("distributions", "wheel", &[&[1], &line(&wheel.file_name)[..], &wheel.bytes].concat());
    let sdist = SdistBuilder::new("grail", "1.0").module("grail.py", "pass\n").build();
    write("distributions", "sdist", &[&[1], &line(&sdist.file_name)[..], &sdist.bytes].concat());
    let mut tar = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&sdist.bytes[..]), &mut tar)
        .expect("it is gzip");
    write("distributions", "tar", &[&[2], &line(&sdist.file_name)[..], &tar].concat());
    for kind in 0..3_u8 {
        let bytes: Vec<u8> = [3, kind].into_iter().chain((0..200_u8).map(|at| at.wrapping_mul(3))).collect();
        write("distributions", &format!("built-{kind}"), &bytes);
    }
}

fn forms(write: Write<'_>) {
    let form = "XY\n--XY\r\nContent-Disposition: form-data; name=\":action\"\r\n\r\nfile_upload\r\n--XY\r\n\
        Content-Disposition: form-data; name=\"name\"\r\n\r\ngrail\r\n--XY\r\ncontent-disposition: form-data; \
        name=version\r\n\r\n1.0\r\n--XY\r\nContent-Disposition: form-data; name=\"filetype\"\r\n\r\nsdist\r\n--XY\r\n\
        Content-Type: application/octet-stream\r\nContent-Disposition: form-data; filename=\"a\\\"b;c.whl\"; \
        name=\"content\"\r\n\r\n\r\n--X\r\r\n\r\n--XY--\r\nepilogue";
    for chunk in [0_u8, 3, 30] {
        write("upload_forms", &format!("form-{chunk}"), &[&[chunk], form.as_bytes()].concat());
    }
    write(
        "upload_forms",
        "preamble",
        b"\x00b\npreamble\r\n--b  \r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n--b--",
    );
    write("upload_forms", "type", b"\x02multipart/form-data; charset=utf-8; boundary=\"a \\\"b\"");
    for length in [40_u8, 200] {
        let bytes: Vec<u8> = [1].into_iter().chain((0..length).map(|at| at.wrapping_mul(7))).collect();
        write("upload_forms", &format!("written-{length}"), &bytes);
    }
}

fn requests(write: Write<'_>) {
    let texts = [
        ("page", "http://host/repository\n/y\n/simple/six/\n127.0.0.1:80\nbytes=0-9\nsix\nsix-1.0.tar.gz"),
        (
            "file",
            "https://host:8443/x\nhttp://host/x\n/files/six/a%2Fb%20c\nlocalhost:80\nbytes=-3\nsix\na b.exe",
        ),
        (
            "absolute",
            "http://10.0.0.1/\n//127.0.0.1:6379/\nhttp://evil:80/simple/x\nevil\nbytes=5-\nA_b\n%2e%2e",
        ),
        ("numbers", "http://a/x\nhttp://0x7f.1/\nlocalhost:80\nLOCALHOST:80\nbytes=1-2,3-4\na\nx"),
        ("six", "http://[fe80::1]/\nhttp://[::ffff:127.0.0.1]/\nhttp://127.0.0.1:80/simple\n\n\na\nx"),
    ];
    for (name, text) in texts {
        // Port 80, length 10, no tunnel.
        let bytes = [&80_u16.to_le_bytes()[..], &10_u64.to_le_bytes(), &[0], text.as_bytes()].concat();
        write("proxy_requests", name, &bytes);
    }
}

fn packed_answers(write: Write<'_>) {
    let older = b"an older line of text, and the same line of text again";
    let newer = b"a newer line of text, and the same line of text again";
    // What is packed by the target itself: gzip, zstd, a delta.
    for (name, what) in [("gzip", 6), ("zstd", 4), ("delta", 5)] {
        let head = [what, 80, older.len() as u8];
        write("packed_answers", name, &[&head[..], older, newer].concat());
    }
    // A zstd frame of "hello" as it comes.
    let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 5, 0x29, 0, 0, b'h', b'e', b'l', b'l', b'o'];
    write("packed_answers", "frame", &[&[1, 80, 0][..], &frame].concat());
}
