//! Bytes on the wire: a snapshot of 16,384 bins, a bin and a page, each in every coding, after some of it changed.

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealdex_repository::layout::BinStyle;
use sealdex_server::{Server, ServerConfig};
use sealdex_simple::{FileName, IndexFile, IndexPage, ProjectName};
use sealdex_tuf::digest::{HashAlgorithm, sha256};
use sealdex_tuf::metadata::{Common, MetaFile, Snapshot, TargetFile, Targets};
use sealdex_tuf::{KeyPair, RoleName, Scheme, TargetPath, Version, sign};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::figures::{Row, Spread};
use crate::scene::Scene;

const BINS: u64 = 16_384;
const CHANGED: [u64; 4] = [1, 60, 500, 5_000];
/// PyPI's 740,000 projects in so many bins.
const TARGETS_IN_A_BIN: u64 = 45;
const FILES_ON_A_PAGE: u64 = 300;
const RUNS: usize = 9;

pub(crate) async fn measure() -> anyhow::Result<Vec<Row>> {
    let scene = Scene::new(BinStyle::Succinct, 4).await?;
    let listen = "127.0.0.1:0".parse()?;
    let server =
        Server::bind(scene.repository.clone(), ServerConfig { listen, ..ServerConfig::default() }).await?;
    let address = server.local_addr();
    let serving = tokio::spawn(server.run(std::future::pending()));
    let metadata = scene.repository.directory().metadata();
    let key = KeyPair::generate(&Scheme::Ed25519)?;
    let mut rows = Vec::new();

    let older = sign::sign(&snapshot(1, 0)?, &[&key])?;
    for (changed, version) in CHANGED.into_iter().zip(2..) {
        let newer = sign::sign(&snapshot(version, changed)?, &[&key])?;
        let title = format!("snapshot of {BINS} bins, {changed} changed");
        let names = ["1.snapshot.json".to_owned(), format!("{version}.snapshot.json")];
        rows.extend(compare(address, &metadata, "/metadata/", &title, names, &older, &newer).await?);
    }
    let older = sign::sign(&bin(1, TARGETS_IN_A_BIN)?, &[&key])?;
    let newer = sign::sign(&bin(2, TARGETS_IN_A_BIN + 1)?, &[&key])?;
    let title = format!("bin of {TARGETS_IN_A_BIN} pages, one more");
    let names = ["1.bin.json", "2.bin.json"].map(str::to_owned);
    rows.extend(compare(address, &metadata, "/metadata/", &title, names, &older, &newer).await?);

    let folder = scene.repository.directory().targets().join("simple/measured");
    std::fs::create_dir_all(&folder)?;
    let (older, newer) = (page(FILES_ON_A_PAGE)?, page(FILES_ON_A_PAGE + 1)?);
    let title = format!("page of {FILES_ON_A_PAGE} files, one more");
    let names = [&older, &newer].map(|page| format!("{}.index.json", HashAlgorithm::Sha256.hex_digest(page)));
    rows.extend(compare(address, &folder, "/targets/simple/measured/", &title, names, &older, &newer).await?);
    serving.abort();
    Ok(rows)
}

/// Serves the newer version in each coding; times how long the delta takes to be made and to be unpacked.
async fn compare(
    address: SocketAddr,
    folder: &Path,
    base: &str,
    title: &str,
    names: [String; 2],
    older: &[u8],
    newer: &[u8],
) -> anyhow::Result<Vec<Row>> {
    for (name, bytes) in names.iter().zip([older, newer]) {
        std::fs::write(folder.join(name), bytes)?;
    }
    let path = format!("{base}{}", names[1]);
    let mut rows = Vec::new();
    for (coding, asked) in [("identity", "identity"), ("gzip", "gzip"), ("zstd", "zstd")] {
        let start = Instant::now();
        let body = get(address, &path, &format!("Accept-Encoding: {asked}\r\n")).await?;
        let first = start.elapsed();
        rows.push(Row::new(format!("{title}: {coding}"), "bytes", one(body.len() as f64), None));
        if coding == "zstd" {
            let row = format!("{title}: first answer in zstd");
            rows.push(Row::new(row, "ms", one(first.as_secs_f64() * 1e3), None));
        }
    }
    let fields = format!(
        "Accept-Encoding: dcz\r\nAvailable-Dictionary: :{}:\r\nDictionary-ID: \"{}\"\r\n",
        STANDARD.encode(sha256(older)),
        names[0]
    );
    let start = Instant::now();
    let delta = get(address, &path, &fields).await?;
    let first = start.elapsed();
    let mut unpacking = Vec::new();
    for _ in 0..RUNS {
        let start = Instant::now();
        let frame = delta.get(40..).context("the delta is shorter than its head")?;
        let mut unpacked = Vec::new();
        zstd::stream::read::Decoder::with_ref_prefix(frame, older)?.read_to_end(&mut unpacked)?;
        unpacking.push(start.elapsed().as_secs_f64() * 1e3);
        ensure!(unpacked == newer, "the delta stands for other bytes");
    }
    rows.push(Row::new(format!("{title}: dcz"), "bytes", one(delta.len() as f64), None));
    rows.push(Row::new(format!("{title}: first answer in dcz"), "ms", one(first.as_secs_f64() * 1e3), None));
    rows.push(Row::new(format!("{title}: unpack dcz"), "ms", Spread::of(unpacking), None));
    Ok(rows)
}

fn one(figure: f64) -> Spread {
    Spread::of(vec![figure])
}

/// The body of one answer.
async fn get(address: SocketAddr, path: &str, fields: &str) -> anyhow::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{fields}\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n").context("there is no answer")?;
    ensure!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..head]));
    Ok(answer.split_off(head + 4))
}

fn common(version: u64) -> anyhow::Result<Common> {
    let expires = "2030-01-01T00:00:00Z".parse()?;
    Ok(Common::new(Version::new(version).context("version 0")?, expires))
}

/// Numbers that look random and are the same in every run.
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Bins with versions from 1 to 900, so many of them changed.
fn snapshot(version: u64, changed: u64) -> anyhow::Result<Snapshot> {
    let mut meta = std::collections::BTreeMap::new();
    for bin in 0..BINS {
        // Each bin has its turn once.
        let turn = bin.wrapping_mul(10_007) % BINS;
        let version = 1 + mixed(bin) % 900 + u64::from(turn < changed);
        let version = Version::new(version).context("version 0")?;
        meta.insert(RoleName::parse(format!("index-{bin:04x}"))?, MetaFile::of_version(version));
    }
    Ok(Snapshot { common: common(version)?, meta })
}

fn bin(version: u64, targets: u64) -> anyhow::Result<Targets> {
    let mut bin = Targets::new(common(version)?);
    for number in 0..targets {
        let path = TargetPath::parse(format!("simple/project-{:08x}/index.json", mixed(number) >> 32))?;
        bin.targets.insert(path, TargetFile::of_bytes(&number.to_le_bytes()));
    }
    Ok(bin)
}

fn page(files: u64) -> anyhow::Result<Vec<u8>> {
    let mut page = IndexPage::new(ProjectName::parse("measured")?);
    for number in 0..files {
        let filename = FileName::parse(&format!("measured-1.{number}-py3-none-any.whl"))?;
        let mut file =
            IndexFile::new(filename, format!("../../files/measured/measured-1.{number}-py3-none-any.whl"));
        let digest = HashAlgorithm::Sha256.hex_digest(&number.to_le_bytes());
        file.hashes.insert("sha256".to_owned(), digest);
        file.size = Some(10_000 + mixed(number) % 1_000_000);
        page.files.push(file);
        page.versions.push(format!("1.{number}"));
    }
    Ok(page.to_json())
}
