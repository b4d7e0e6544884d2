"""Options, fixtures and the report."""

import json
import shlex
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from simulator.client import Client
from simulator.repository import Repository
from simulator.server import Server

OUTCOMES = ("passed", "failed", "differs", "unsupported")
UNSUPPORTED = "unsupported: "


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("TUF client under test")
    group.addoption("--entrypoint", required=True, help="command of the client; see tuf-conformance's CLIENT-CLI.md")
    group.addoption("--strict-opinions", action="store_true", help="count differing opinions as failures")
    group.addoption("--results", type=Path, help="write the results of each group to this JSON file")


def pytest_configure(config: pytest.Config) -> None:
    words = shlex.split(config.getoption("entrypoint"))
    folder = config.invocation_params.dir
    # What is named relative to where pytest was started is a file; everything else is found on PATH.
    config.command = [str(folder / word) if (folder / word).is_file() else word for word in words]
    config.unsupported = _lines(Path(f"{config.command[-1]}.unsupported"))
    config.xfails = _lines(Path(f"{config.command[-1]}.xfails"))


def _lines(path: Path) -> set[str]:
    if not path.is_file():
        return set()
    lines = (line.strip() for line in path.read_text().splitlines())
    return {line for line in lines if line and not line.startswith("#")}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Runs before -k and the like leave tests out."""
    _check_xfails(config, items)
    for item in items:
        if item.get_closest_marker("section") is None and item.get_closest_marker("opinion") is None:
            raise pytest.UsageError(f"{item.nodeid} names no section and is not marked as an opinion")
        if config.xfails & _names(item):
            item.add_marker(pytest.mark.xfail(strict=True, reason="listed in the client's .xfails"))
        for marker in item.iter_markers("feature"):
            if marker.args[0] in config.unsupported:
                reason = UNSUPPORTED + marker.args[0]
                probe = item.get_closest_marker("probe") is not None
                # Said to be unsupported is not enough: the plainest use of the feature has to fail.
                item.add_marker(pytest.mark.xfail(strict=True, reason=reason) if probe else pytest.mark.skip(reason))


def _names(item: pytest.Item) -> set[str]:
    """What a test is called in a client's .xfails: for all its parameters, and for these."""
    return {f"{item.path.name}::{item.originalname}", f"{item.path.name}::{item.name}"}


def _check_xfails(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A line that names no test is out of date, or misspelt. Of files that are not run as a whole nothing is said."""
    if any("::" in argument for argument in config.args):
        return
    known = set().union(*map(_names, items))
    files = {item.path.name for item in items}
    for line in sorted(config.xfails - known):
        file = line.partition("::")[0]
        if file in files or not (Path(__file__).parent / "tests" / file).is_file():
            raise pytest.UsageError(f"no test is called {line!r}, which the client's .xfails lists")


@pytest.fixture(scope="session")
def server():
    with Server() as running:
        yield running
        running.shutdown()


@pytest.fixture
def repo() -> Repository:
    """A repository of one version: root, timestamp, snapshot and empty targets."""
    return Repository()


@pytest.fixture
def client(pytestconfig: pytest.Config, server: Server, repo: Repository, tmp_path: Path) -> Client:
    """A client that trusts the repository's first root and has seen nothing else yet."""
    return Client(pytestconfig.command, server.add(repo), repo, tmp_path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    report = yield
    opinion = item.get_closest_marker("opinion")
    # An opinion is what the test itself asserts. A crash of the client is none, nor is a mistake in the test.
    asserted = report.failed and report.when == "call" and call.excinfo.errisinstance(AssertionError)
    asserted = asserted and call.excinfo.traceback[-1].path == item.path
    if opinion and asserted and not item.config.getoption("strict_opinions"):
        report.outcome = "skipped"
        report.differs = opinion.args[0] if opinion.args else "the specification is silent"
    return report


def pytest_report_teststatus(report: pytest.TestReport):
    if hasattr(report, "differs"):
        return "differs", "d", "DIFFERS"
    reason = getattr(report, "wasxfail", "") or (report.longrepr[2] if _is_skip(report) else "")
    if report.skipped and UNSUPPORTED in reason:
        return "unsupported", "u", "UNSUPPORTED"
    return None


def _is_skip(report: pytest.TestReport) -> bool:
    return report.skipped and isinstance(report.longrepr, tuple)


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    groups: dict[str, Counter] = defaultdict(Counter)
    names: dict[str, list[str]] = defaultdict(list)
    # What the client is known to fail counts as failed in the table, though not in the exit code.
    categories = {"passed": "passed", "failed": "failed", "xfailed": "failed", "differs": "differs"}
    categories |= {"unsupported": "unsupported", "error": "failed"}
    for category, outcome in categories.items():
        for report in terminalreporter.stats.get(category, []):
            path, _, name = report.nodeid.partition("::")
            group = Path(path).stem.removeprefix("test_").replace("_", " ")
            groups[group][outcome] += 1
            if outcome in ("failed", "differs"):
                names[outcome].append(f"{group}: {name}")
    write = terminalreporter.write_line
    terminalreporter.section("results by group")
    write(f"{'':<24}" + "".join(f"{outcome:>13}" for outcome in OUTCOMES))
    total = sum(groups.values(), Counter())
    for group, counts in [*sorted(groups.items()), ("total", total)]:
        write(f"{group:<24}" + "".join(f"{counts[outcome]:>13}" for outcome in OUTCOMES))
    for name in names["differs"]:
        write(f"differs in what the specification leaves open: {name}")
    if config.getoption("results"):
        document = {
            "groups": {group: dict(counts) for group, counts in [*groups.items(), ("total", total)]},
            "tests": names,
        }
        config.getoption("results").write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
