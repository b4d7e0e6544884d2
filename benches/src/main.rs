//! Benchmarks of Sealdex, with python-tuf and sigstore-tuf in the same run where they do the same job.
//! `cargo xtask bench` runs them.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints what it measured")]

mod download;
mod figures;
mod install;
mod publish;
mod python;
mod renew;
mod scene;
mod serve;
mod signing;
mod start;
mod usage;
mod verify;

use anyhow::ensure;

use figures::Row;
use sealdex_repository::layout::BinStyle;

/// As in the `sealdex` command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const GROUPS: [&str; 9] =
    ["start", "publish", "client", "verify", "serve", "download", "renew", "install", "stream"];

fn main() -> anyhow::Result<()> {
    ensure!(!cfg!(debug_assertions), "benchmarks are for release builds: cargo xtask bench");
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [word, client, job @ ..] = arguments.as_slice()
        && word == "child"
    {
        return verify::run_child(client, job);
    }
    if let [word, job @ ..] = arguments.as_slice()
        && word == signing::CHILD
    {
        return signing::run_child(job);
    }
    if arguments == [start::CHILD] {
        return start::run_child();
    }
    let wanted = |group: &str| arguments.is_empty() || arguments.iter().any(|argument| argument == group);
    ensure!(
        arguments.iter().all(|argument| GROUPS.contains(&argument.as_str())),
        "what can be measured: {}; everything when nothing is said",
        GROUPS.join(", ")
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut rows: Vec<Row> = Vec::new();
    if wanted("start") {
        eprintln!("starting ...");
        rows.extend(runtime.block_on(start::measure())?);
    }
    if wanted("publish") {
        for bit_length in [8, 14] {
            eprintln!("publishing with {} bins ...", 1_u64 << bit_length);
            rows.extend(runtime.block_on(publish::measure(bit_length))?);
        }
    }
    if wanted("client") {
        for (style, bit_length) in
            [(BinStyle::Succinct, 8), (BinStyle::Succinct, 14), (BinStyle::Explicit, 14)]
        {
            eprintln!("refreshing and looking up with {} {style} bins ...", 1_u64 << bit_length);
            rows.extend(runtime.block_on(verify::measure_client(style, bit_length))?);
        }
    }
    if wanted("verify") {
        eprintln!("verifying large files ...");
        rows.extend(verify::measure_files()?);
    }
    if wanted("serve") {
        eprintln!("serving ...");
        rows.extend(runtime.block_on(serve::measure())?);
    }
    if wanted("renew") {
        eprintln!("renewing bins ...");
        rows.extend(runtime.block_on(renew::measure())?);
    }
    if wanted("download") {
        eprintln!("measuring what is on the wire ...");
        rows.extend(runtime.block_on(download::measure())?);
    }
    if wanted("install") {
        eprintln!("installing, with and without ...");
        rows.extend(install::measure()?);
    }
    if wanted("stream") {
        eprintln!("passing a large wheel through the proxy ...");
        rows.extend(install::measure_stream()?);
    }
    figures::print(&rows);
    Ok(())
}
