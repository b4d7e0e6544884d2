//! Child processes that cannot outlive their test: bounded in time, killed with their whole process group.

mod run;
mod server;

pub use run::{Ending, Output, run};
pub use server::{Process, sealdex};
