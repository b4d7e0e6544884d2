//! Where a user's files belong (XDG base directories).

use std::env;
use std::path::PathBuf;

use crate::error::Error;

/// `$VARIABLE/sealdex`, else `~/FALLBACK/sealdex`. As XDG asks, a relative path in the variable does not count.
pub(crate) fn user_folder(variable: &'static str, fallback: &str) -> Result<PathBuf, Error> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute(variable).or_else(|| absolute("HOME").map(|home| home.join(fallback)));
    base.map(|base| base.join("sealdex")).ok_or(Error::NoHome { variable })
}
