//! What `--help` teaches, as snapshots: a change of the command line is seen in review.

mod support;

use support::Stage;

#[test]
fn help() {
    let stage = Stage::new();
    let commands: [&[&str]; 35] = [
        &[],
        &["demo"],
        &["init"],
        &["add"],
        &["import"],
        &["verify"],
        &["collect"],
        &["layout"],
        &["layout", "change"],
        &["remove"],
        &["yank"],
        &["serve"],
        &["export"],
        &["status"],
        &["token"],
        &["token", "create"],
        &["trust"],
        &["trust", "add"],
        &["trust", "stands-for"],
        &["trust", "bind"],
        &["trust", "remove"],
        &["pip"],
        &["uv"],
        &["run"],
        &["proxy"],
        &["setup"],
        &["doctor"],
        &["log"],
        &["policy", "show"],
        &["policy", "publisher"],
        &["fetch"],
        &["cache"],
        &["cache", "clear"],
        &["config", "show"],
        &["man"],
    ];
    for command in commands {
        let output = stage.run(&[command, &["--help"]].concat()).expect_success();
        let name =
            if command.is_empty() { "sealdex".to_owned() } else { format!("sealdex-{}", command.join("-")) };
        // Paths of this run stand in the help of variables that are set.
        let mut text = output.stdout;
        for directory in ["trust", "cache"] {
            text = text.replace(&stage.path(directory).display().to_string(), &format!("<{directory}>"));
        }
        insta::assert_snapshot!(name, text);
    }
}
