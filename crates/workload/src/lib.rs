//! A package index of PyPI's size as data: projects, files, what people install, and uploads to come. Never shipped.
//!
//! Everything is a function of one seed and a number, so nothing is kept in memory, any project can be had without the
//! ones before it, and every machine makes the same bytes. [`Population`] is the index at [`START`]; [`Uploads`] is
//! what happens after that; [`Population::install`] is what a user wants. [`manifest`] writes it all as JSON lines:
//!
//! ```text
//! cargo run --release -p sealdex-workload -- manifest --projects 740000 --output manifest.jsonl
//! cargo run --release -p sealdex-workload -- uploads --hours 24 --output uploads.jsonl
//! ```
//!
//! 18 million lines (4.3 GB) take 8 seconds of one core to make; what it takes to write them comes on top.
//!
//! # How real it is
//! What is known of PyPI (its statistics page and BigQuery data set in March 2026, PyPI's 2025 in review), and what the
//! whole population has:
//!
//! | | PyPI | here |
//! |---|---|---|
//! | projects | 736,344 | 740,000 |
//! | releases | 8,234,245 | 8,300,485 |
//! | files | 16 to 18 million | 18,041,113 |
//! | projects with one release | 29 % | 29.0 % |
//! | releases of the largest project | 9,475 | 9,475 |
//! | mean size of a downloaded file | 1.43 MB | 1.43 MB (of all files alike) |
//! | files uploaded a minute, mean | 7.4 | 7.4 |
//! | new projects a day | 700 to 800 | 750 |
//!
//! | of 740,000 projects | 10 % | 25 % | median | 75 % | 90 % | 99 % | 99.9 % | largest |
//! |---|---|---|---|---|---|---|---|---|
//! | releases a project | 1 | 1 | 3 | 9 | 23 | 124 | 444 | 9,475 |
//! | files a project | 1 | 2 | 6 | 16 | 44 | 300 | 1,352 | 76,780 |
//! | bytes a file | 3,835 | 16,473 | 83,094 | 419,182 | 1.8 M | 22 M | 139 M | 1 G |
//!
//! Names have 11.8 characters in the mean, file names 37.3. The rest is assumed, not measured: that quantiles between
//! those known follow a curve, that sizes are log-normal, that one project in twenty builds wheels for platforms, the
//! rhythm of day and week (a Sunday night has a third of a Wednesday afternoon), that a quarter of the releases come
//! from projects that have just released and the others from each project in proportion to its releases, that
//! installations follow Zipf's law, and that a popular project tends to have many releases.
#![forbid(unsafe_code)]

mod install;
pub mod manifest;
mod name;
mod numbers;
mod population;
mod release;
mod uploads;

pub use population::{Kind, PYPI_PROJECTS, Population, Project, START};
pub use release::{File, Release};
pub use uploads::{FILES_A_MINUTE, NEW_PROJECTS_A_DAY, Upload, Uploads};
