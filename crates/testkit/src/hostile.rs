//! A server that lies, stalls and floods: a real HTTP/1.1 server on loopback that answers as an attacker would.
//!
//! It stands in front of a genuine origin and passes everything through, but for the paths a test gives a
//! [`Behaviour`]. Each connection carries one exchange and is bounded in time, each answer in bytes ([`Limits`]), so
//! that not even an endless body runs away with a test.

mod behaviour;
mod body;
mod exchange;
mod gzip_bomb;
mod message;
mod origin;
mod server;

pub use behaviour::{Behaviour, Framing, Paths};
pub use message::{Request, Response};
pub use origin::Origin;
pub use server::{HostileServer, Limits};
