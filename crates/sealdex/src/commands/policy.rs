//! `sealdex policy show`: each rule in force, and where it comes from.

use crate::cli::{Format, PolicyCommand, PolicyShowArguments};
use crate::failure::Failure;
use crate::output::{FAINT, result, say, styled, table};
use crate::policy;

pub(super) fn run(arguments: &PolicyShowArguments, format: Format) -> Result<(), Failure> {
    let PolicyCommand::Show(arguments) = &arguments.command;
    let rules = policy::load(arguments)?.rules();
    result(format, &rules, || {
        if rules.is_empty() {
            say("no policy is in force: everything that verifies may be installed");
            say(styled(
                FAINT,
                format!("An administrator's would be {}; see docs/policy.md.", policy::SYSTEM),
            ));
            return;
        }
        let cells = rules
            .iter()
            .map(|own| [&own.rule, &own.value, &own.source].map(|text| crate::output::plain(text)));
        say(table(["rule", "value", "from"], cells));
        say(styled(FAINT, "All of them count: what one forbids, no other one allows."));
    })?;
    Ok(())
}
