//! `sealdex layout`: how a repository is divided into roles, and how that is changed while it lives.

use std::path::Path;
use std::time::{Duration, Instant};

use sealdex_repository::layout::{BinStyle, LayoutName};
use sealdex_repository::{Actor, Layout, RelayoutPlan, Repository};
use sealdex_tuf::metadata::{Root, Unverified};
use serde::Serialize;
use serde_json::json;

use super::offline::{default_directory, key_files, signers};
use super::publish::{Publisher, open};
use crate::cli::{
    BinStyleChoice, Format, LayoutArguments, LayoutChangeArguments, LayoutChoice, LayoutCommand,
};
use crate::failure::{Failure, Kind};
use crate::output::{FAINT, GOOD, WARNING, bytes, count, result, say, seconds, spinner, styled, tell};

/// How long to wait for another process that publishes: it may have millions of targets to move.
const PATIENCE: Duration = Duration::from_secs(3600);

/// What python-tuf reads of a snapshot, in bytes.
const PYTHON_TUF_SNAPSHOT_BYTES: u64 = 2_000_000;

/// What python-tuf reads of a targets role, in bytes.
const PYTHON_TUF_TARGETS_BYTES: u64 = 5_000_000;

#[derive(Serialize)]
struct Summary {
    dry_run: bool,
    /// Whether the layout is another one now, or would be.
    changed: bool,
    before: Layout,
    after: Layout,
    plan: RelayoutPlan,
    snapshot: Option<u64>,
    seconds: f64,
}

pub(super) async fn run(arguments: LayoutArguments, format: Format) -> Result<(), Failure> {
    let directory = &arguments.repository;
    match arguments.command {
        LayoutCommand::Show => show(&open(directory).await?, format).await,
        LayoutCommand::Change(change) if change.dry_run => dry_run(directory, &change, format).await,
        LayoutCommand::Change(change) => self::change(directory, &change, format).await,
        LayoutCommand::Abandon => abandon(&open(directory).await?, format).await,
    }
}

async fn show(repository: &Repository, format: Format) -> Result<(), Failure> {
    let layout = repository.layout();
    let waiting = repository.waiting_relayout().await?.map(|waiting| waiting.layout);
    let text = layout.to_toml()?;
    result(format, &json!({"layout": *layout, "waiting": waiting}), || {
        say(text.trim_end());
        if let Some(waiting) = &waiting {
            tell(styled(WARNING, format!("a change waits to be published: {}", described(waiting))));
        }
    })?;
    Ok(())
}

async fn abandon(repository: &Repository, format: Format) -> Result<(), Failure> {
    let abandoned = repository.abandon_relayout().await?;
    result(format, &json!({"abandoned": abandoned}), || {
        if abandoned {
            say(format!("{}: everything stays as it was", styled(GOOD, "abandoned")));
        } else {
            say("no change of the layout waits");
        }
    })?;
    Ok(())
}

async fn dry_run(directory: &Path, arguments: &LayoutChangeArguments, format: Format) -> Result<(), Failure> {
    let began = Instant::now();
    let repository = open(directory).await?;
    let before = repository.layout();
    let after = wanted(arguments, &before)?;
    let plan = plan(&repository, &after).await?;
    let summary = Summary {
        dry_run: true,
        changed: *before != after,
        before: Layout::clone(&before),
        after,
        plan,
        snapshot: None,
        seconds: began.elapsed().as_secs_f64(),
    };
    result(format, &summary, || tell_plan(&summary))?;
    Ok(())
}

async fn change(directory: &Path, arguments: &LayoutChangeArguments, format: Format) -> Result<(), Failure> {
    let began = Instant::now();
    let mut publisher = Publisher::open(directory, &arguments.online).await?;
    let repository = publisher.repository.clone();
    let before = repository.layout();
    let after = wanted(arguments, &before)?;
    let waiting = repository.waiting_relayout().await?;
    let mut summary = Summary {
        dry_run: false,
        changed: *before != after,
        before: Layout::clone(&before),
        after,
        plan: RelayoutPlan::default(),
        snapshot: None,
        seconds: 0.0,
    };
    let id = match waiting {
        Some(waiting) if waiting.layout == summary.after => {
            tell("going on with this change, which waits to be published");
            Some(waiting.id)
        }
        Some(waiting) => {
            let message = format!("a change to another layout waits: {}", described(&waiting.layout));
            return Err(Failure::message(Kind::Failed, message)
                .hint("abandon it with `sealdex layout abandon`, or let it be published"));
        }
        None if summary.changed => {
            refuse_layout_in_file(&repository)?;
            summary.plan = plan(&repository, &summary.after).await?;
            if format == Format::Human {
                tell_plan(&summary);
            }
            let root = Unverified::<Root>::parse(&repository.root_bytes().await?)?;
            let keys = &root.unverified_metadata().targets;
            let files = match &arguments.targets_keys[..] {
                [] => {
                    let folder = arguments.offline_keys.clone();
                    key_files(&folder.unwrap_or_else(|| default_directory(directory)), "targets")?
                }
                named => named.to_vec(),
            };
            let signers = signers(&files, "targets", keys, arguments.offline_passphrase_file.as_deref())?;
            Some(repository.relayout(&summary.after, &signers, Actor::Local).await?)
        }
        None => None,
    };
    if let Some(id) = id {
        let wait = spinner("moving targets and signing");
        let published = publisher.publish_relayout(id, PATIENCE).await;
        wait.finish_and_clear();
        summary.snapshot = Some(published?.snapshot_version.number());
    }
    summary.seconds = began.elapsed().as_secs_f64();
    result(format, &summary, || tell_people(&summary))?;
    Ok(())
}

/// The layout asked for.
fn wanted(arguments: &LayoutChangeArguments, now: &Layout) -> Result<Layout, Failure> {
    if let Some(file) = &arguments.layout_file {
        let text = std::fs::read_to_string(file)
            .map_err(|error| Failure::message(Kind::Usage, format!("{}: {error}", file.display())))?;
        return Layout::from_toml(&text).map_err(|error| Failure::new(Kind::Usage, error));
    }
    let style = arguments.bin_style.map(bin_style);
    let bit_length = arguments.bins.map(bit_length).transpose()?;
    let Some(choice) = arguments.layout else { return Ok(now.clone().with_bins(style, bit_length)?) };
    let bins = now.all_roles().into_iter().find_map(|role| role.bins.clone());
    let bit_length = bit_length.or(bins.as_ref().map(|bins| bins.bit_length));
    let style = style.or(bins.map(|bins| bins.style)).unwrap_or_default();
    let bit_length = bit_length.unwrap_or(sealdex_repository::layout::DEFAULT_BIT_LENGTH);
    Ok(Layout::named(layout_name(choice), style, bit_length)?)
}

async fn plan(repository: &Repository, layout: &Layout) -> Result<RelayoutPlan, Failure> {
    let looking = spinner("looking at targets");
    let shown = looking.clone();
    let plan = repository
        .plan_relayout(layout, move |targets| shown.set_message(format!("{targets} targets looked at")))
        .await;
    looking.finish_and_clear();
    plan.map_err(|error| match error {
        error @ (sealdex_repository::Error::Layout { .. }
        | sealdex_repository::Error::UnsupportedPath { .. }) => Failure::new(Kind::Usage, error),
        other => other.into(),
    })
}

/// A file that says otherwise from tomorrow on would keep the next server from starting.
fn refuse_layout_in_file(repository: &Repository) -> Result<(), Failure> {
    if repository.settings().layout.is_none() {
        return Ok(());
    }
    let file = repository.directory().settings_file();
    Err(Failure::message(Kind::Usage, format!("{} still has a layout", file.display()))
        .hint("remove [layout] and all [[layout.roles]] from it, here and on other servers: the state keeps the layout"))
}

/// `index-only, 16384 succinct bins of index`
fn described(layout: &Layout) -> String {
    let bins = layout.all_roles().into_iter().filter_map(|role| role.bins.as_ref());
    let bins = bins.map(|bins| format!(", {} {} bins of {}", bins.count(), bins.style, bins.name_prefix));
    format!("{}{}", layout.name.escape_debug(), bins.collect::<String>())
}

fn tell_plan(summary: &Summary) {
    let Summary { before, after, plan, .. } = summary;
    say(format!("now    {}", described(before)));
    say(format!("then   {}", described(after)));
    if !summary.changed {
        return;
    }
    let names = if plan.offline_roles.is_empty() { "none".to_owned() } else { plan.offline_roles.join(", ") };
    say(format!("signed offline   {names}"));
    let number = |number: u64, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
    say(format!("signed online    {}, the snapshot, the timestamp", number(plan.online_roles, "bin")));
    let mut targets = number(plan.targets, "target");
    if plan.online_roles == 0 {
        targets.push_str(", each stays in its role");
    }
    if plan.targets_dropped > 0 {
        targets.push_str(&format!("; {} bound by their pages alone from then on", plan.targets_dropped));
    }
    if plan.targets_added > 0 {
        targets.push_str(&format!("; {} on pages become targets too", plan.targets_added));
    }
    say(format!("targets          {targets}"));
    say(format!(
        "clients fetch    once {} (roles that delegate {}, snapshot {}), and about {} for each page or file looked up",
        bytes(plan.delegating_bytes + plan.snapshot_bytes),
        bytes(plan.delegating_bytes),
        bytes(plan.snapshot_bytes),
        bytes(if plan.online_roles == 0 { 0 } else { plan.bin_bytes }),
    ));
    if plan.roles_left > 0 {
        let roles = count(plan.roles_left, "role", "roles");
        say(styled(FAINT, format!("                 {roles} left behind stay in the snapshot (see docs)")));
    }
    if plan.snapshot_bytes > PYTHON_TUF_SNAPSHOT_BYTES || plan.delegating_bytes > PYTHON_TUF_TARGETS_BYTES {
        tell(styled(WARNING, "python-tuf as it is configured by default does not read files so long"));
    }
}

fn tell_people(summary: &Summary) {
    match summary.snapshot {
        Some(snapshot) => say(format!(
            "{} the layout: {}; published in snapshot {snapshot}, in {}",
            styled(GOOD, "changed"),
            described(&summary.after),
            seconds(Duration::from_secs_f64(summary.seconds))
        )),
        None => say(format!("the layout is so already: {}", described(&summary.after))),
    }
}

pub(super) fn layout_name(choice: LayoutChoice) -> LayoutName {
    match choice {
        LayoutChoice::Pep458 => LayoutName::Pep458,
        LayoutChoice::IndexOnly => LayoutName::IndexOnly,
        LayoutChoice::Tree => LayoutName::Tree,
    }
}

pub(super) fn bin_style(choice: BinStyleChoice) -> BinStyle {
    match choice {
        BinStyleChoice::Succinct => BinStyle::Succinct,
        BinStyleChoice::Explicit => BinStyle::Explicit,
    }
}

/// log2 of a number of bins.
pub(super) fn bit_length(bins: u64) -> Result<u8, Failure> {
    Ok(u8::try_from(bins.trailing_zeros())?)
}
