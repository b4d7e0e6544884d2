"""Endless data: every download is bounded, before anything is known of it and after."""

from collections.abc import Iterator

import pytest

from simulator.client import Client
from simulator.repository import Repository, Request, Response

MEBIBYTE = 1024 * 1024
ENDLESS = 256 * MEBIBYTE
"""More than any bound, and than any buffer between server and client, yet soon sent."""


def zeros() -> Iterator[bytes]:
    for _ in range(ENDLESS // MEBIBYTE):
        yield b" " * MEBIBYTE


def endless(repo: Repository, name: str) -> None:
    """Has the server send far too much in place of this metadata file, or of any target."""

    def answer(request: Request, _content: bytes | None) -> Response | None:
        hit = request.kind == "targets" if name == "target" else request.name == name
        return Response(zeros()) if hit else None

    repo.answer = answer


def taken(repo: Repository, name: str) -> int:
    """Bytes of it that the client took."""
    return sum(r.sent for r in repo.requests if r.name == name or (name == "target" and r.kind == "targets"))


@pytest.mark.section("5.3.3; 5.4.1; 5.5.1; 5.6.1: up to some number of bytes; 32 MiB are this suite's own figure")
@pytest.mark.parametrize("name", ["2.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json"])
def test_endless_metadata(client: Client, repo: Repository, name: str) -> None:
    """The figure is above the bound of every client known; what stands in buffers counts as taken."""
    assert client.refresh()
    repo.publish("targets")
    endless(repo, name)

    outcome = client.refresh()
    assert not outcome
    assert taken(repo, name) < 32 * MEBIBYTE
    assert outcome.peak_bytes < 250 * MEBIBYTE
    repo.answer = lambda _request, _content: None
    assert client.refresh(), "nothing keeps the client from updating later"
    assert client.version("timestamp") == 2


@pytest.mark.section("5.5.1; 5.6.1; 5.7.3: up to the number of bytes specified; 16 MiB are this suite's, for buffers")
@pytest.mark.parametrize("name", ["2.snapshot.json", "2.targets.json", "target"])
def test_listed_lengths_bound_downloads(client: Client, repo: Repository, name: str) -> None:
    assert client.refresh()
    repo.list_lengths = True
    repo.add_target("targets", "a.txt", b"content")
    repo.publish("targets")
    endless(repo, name)

    assert not client.download("a.txt")
    assert taken(repo, name) < 16 * MEBIBYTE
    assert client.downloaded() == []


@pytest.mark.section("5.3.2 to 5.3.9")
def test_every_root_in_between_is_asked_for_once(client: Client, repo: Repository) -> None:
    for _ in range(20):
        repo.publish_root()

    assert client.refresh()
    roots = [name for name in repo.asked() if name.endswith("root.json")]
    assert roots == [f"{version}.root.json" for version in range(2, 23)]
    assert client.version("root") == 21


@pytest.mark.section(
    "5.6.7.1: a role visited before is skipped; a maximum number of roles, the application's own: 200 are this suite's"
)
@pytest.mark.parametrize("shape", ["to itself", "in a ring", "ever deeper"])
def test_delegations_without_end(client: Client, repo: Repository, shape: str) -> None:
    count = {"to itself": 1, "in a ring": 3, "ever deeper": 200}[shape]
    delegator = "targets"
    for number in range(count):
        repo.delegate(delegator, f"role-{number}", paths=["*"])
        delegator = f"role-{number}"
    if shape != "ever deeper":
        repo.delegate(delegator, "role-0", paths=["*"])
    repo.publish(*[f"role-{number}" for number in range(count)], "targets")

    assert not client.download("absent")
    visited = [name for name in repo.asked() if name.startswith("1.role-")]
    assert len(visited) == len(set(visited)) < 200
    if shape != "ever deeper":
        assert len(visited) == count


@pytest.mark.section("CLIENT-CLI.md: exit code 1 if any part of the refresh failed; a crash has another")
@pytest.mark.parametrize("name", ["timestamp.json", "2.root.json"])
@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_deep_nesting_is_no_crash(client: Client, repo: Repository, name: str, opening: bytes) -> None:
    repo.files[name] = opening * (15_000 // len(opening))

    assert not client.refresh()
