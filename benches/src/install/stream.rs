//! A wheel of two gigabytes through `sealdex proxy`: time, and the proxy's peak memory.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use sealdex_testkit::process::Process;
use sealdex_testkit::python::Environment;

use super::timed;
use super::user::User;
use crate::figures::{Row, Spread};

const FILE: &str = "large-1.0-py3-none-any.whl";
const BYTES: u64 = 2_000_000_000;
/// Zeros, not packed: written quickly, and hashed as slowly as anything else.
const MAKE: &str = "
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w') as wheel:
    info = 'large-1.0.dist-info/'
    wheel.writestr(info + 'METADATA', 'Metadata-Version: 2.1\\nName: large\\nVersion: 1.0\\n')
    wheel.writestr(info + 'WHEEL', 'Wheel-Version: 1.0\\nGenerator: bench\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    wheel.writestr(info + 'RECORD', '')
    with wheel.open('large.bin', 'w', force_zip64=True) as member:
        for _ in range(int(sys.argv[2]) // 1000000):
            member.write(bytes(1000000))
";

pub(crate) fn measure() -> anyhow::Result<Vec<Row>> {
    // On a disk: in memory it would be there four times.
    let user = User::new(&std::env::temp_dir())?;
    let wheel = user.emptied("dist")?.join(FILE);
    let mut make = Command::new(Environment::python());
    make.args(["-c", MAKE]).arg(&wheel).arg(BYTES.to_string());
    timed(make)?;
    user.add(std::slice::from_ref(&wheel))?;
    user.trust()?;
    let length = File::open(&wheel)?.metadata()?.len();
    std::fs::remove_file(&wheel)?;
    let mut rows = Vec::new();
    for state in ["nothing kept", "kept"] {
        let proxy = Process::start(&mut user.sealdex(&["proxy", "--listen", "127.0.0.1:0"]));
        let line = proxy.wait_for_line("http://", Duration::from_secs(60));
        let index =
            line.split_whitespace().find_map(|word| word.strip_prefix("http://")).context("no url")?;
        let address = index.trim_end_matches("/simple/").to_owned();
        let (first, whole) = get(&address, length)?;
        let title = format!("a wheel of 2 GB through the proxy, {state}");
        let peak = peak_mib(&proxy)?;
        rows.push(Row::new(format!("{title}: peak memory"), "MiB", Spread::of(vec![peak]), None));
        rows.push(Row::new("... first byte after", "s", Spread::of(vec![first.as_secs_f64()]), None));
        rows.push(Row::new("... last byte after", "s", Spread::of(vec![whole.as_secs_f64()]), None));
    }
    Ok(rows)
}

/// When the first and the last byte of the file came.
fn get(address: &str, length: u64) -> anyhow::Result<(Duration, Duration)> {
    let start = Instant::now();
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET /files/large/{FILE} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut buffer = vec![0; 1 << 20];
    let (mut received, mut first) = (0, Duration::ZERO);
    loop {
        let count = stream.read(&mut buffer)?;
        if received == 0 {
            first = start.elapsed();
            ensure!(buffer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&buffer[..count]));
        }
        if count == 0 {
            break;
        }
        received += count as u64;
    }
    ensure!(received > length, "{received} bytes came of a file of {length}");
    Ok((first, start.elapsed()))
}

fn peak_mib(process: &Process) -> anyhow::Result<f64> {
    let path = format!("/proc/{}/status", process.id());
    let status = std::fs::read_to_string(Path::new(&path)).context("peak memory is read from /proc")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("there is no VmHWM")?;
    let kib: f64 = peak.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1024.0)
}
