//! What people do with pip, uv, poetry, pdm and pipenv, and with tools that call them, in both modes: each table is one tool's,
//! each test one tool in one mode. docs/installers.md shows the whole.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "in a test, a panic is the failure report")]

mod callers;
mod documentation;
mod pdm;
mod pip;
mod pipenv;
mod poetry;
#[expect(dead_code, reason = "the tests of `sealdex run` use the rest of it")]
#[path = "../run/project.rs"]
mod project;
mod row;
mod site;
#[path = "../support/mod.rs"]
mod support;
mod tool;
mod uv;
