use sealdex_simple::*;
use std::time::Instant;
fn main() {
    let mut page = IndexPage::new(ProjectName::parse("measured").unwrap());
    for number in 0..300u64 {
        let name = format!("measured-1.{number}-py3-none-any.whl");
        let mut file =
            IndexFile::new(FileName::parse(&name).unwrap(), format!("../../files/measured/{name}"));
        file.hashes.insert("sha256".to_owned(), "ab".repeat(32));
        file.size = Some(10_000 + number);
        file.upload_time = Some("2026-01-02T03:04:05.678901Z".to_owned());
        file.requires_python = Some(">=3.9".to_owned());
        file.core_metadata = CoreMetadata::Hashes([("sha256".to_owned(), "cd".repeat(32))].into());
        page.files.push(file);
        page.versions.push(format!("1.{number}"));
    }
    for _ in 0..3 {
        let start = Instant::now();
        let mut n = 0;
        for _ in 0..200 {
            n += page.to_json().len();
        }
        println!("to_json {:?} a page of 300, {n}", start.elapsed() / 200);
        let start = Instant::now();
        for _ in 0..200 {
            for f in &page.files {
                n += DistributionFilename::parse_for(&page.name, f.filename.as_str()).unwrap().as_str().len();
            }
        }
        println!("parse_for {:?}", start.elapsed() / 200);
        let json = page.to_json();
        let start = Instant::now();
        for _ in 0..200 {
            n += IndexPage::from_json(&json, &PageLimits::default()).unwrap().files.len();
        }
        println!("from_json {:?}", start.elapsed() / 200);
        let v: Vec<String> = page.versions.clone();
        let start = Instant::now();
        for _ in 0..200 {
            for f in &v {
                n += f.parse::<pep440_rs::Version>().is_ok() as usize;
            }
        }
        println!("versions {:?} {n}", start.elapsed() / 200);
    }
}
