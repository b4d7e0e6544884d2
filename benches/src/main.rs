//! Benchmarks of Sealdex, with python-tuf in the same run where it does the same job. `cargo xtask bench` runs them.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints what it measured")]

mod figures;
mod publish;
mod python;
mod refresh;
mod scene;
mod serve;

use anyhow::ensure;

use figures::Row;

fn main() -> anyhow::Result<()> {
    ensure!(!cfg!(debug_assertions), "benchmarks are for release builds: cargo xtask bench");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut rows: Vec<Row> = Vec::new();
    for bit_length in [8, 14] {
        eprintln!("publishing with {} bins ...", 1_u64 << bit_length);
        rows.extend(runtime.block_on(publish::measure(bit_length))?);
    }
    for bit_length in [8, 14] {
        eprintln!("refreshing and looking up with {} bins ...", 1_u64 << bit_length);
        rows.extend(runtime.block_on(refresh::measure(bit_length))?);
    }
    eprintln!("serving ...");
    rows.extend(runtime.block_on(serve::measure())?);
    figures::print(&rows);
    Ok(())
}
