"""Rollback, fast-forward and damaged state: what is never forgotten, what is, and what comes back."""

import pytest

from simulator.client import Client
from simulator.keys import ed25519_key
from simulator.repository import Repository, Response

ROLES = ("timestamp", "snapshot", "targets")
DAMAGES = {
    "empty": b"",
    "cut off": b'{"signatures": [',
    "not JSON": b"\xff\xfe\x00",
    "another object": b"{}",
    "a list": b"[]",
}
STEP = "5.3.11: if the timestamp and / or snapshot keys have been rotated, then delete both"


def fast_forward(repo: Repository, version: int = 1000) -> None:
    """What an attacker does who has the timestamp's and snapshot's keys: versions that no repository reaches."""
    repo.roles["snapshot"]["meta"]["targets.json"]["version"] = version
    repo.roles["targets"]["version"] = version
    repo.write("targets")
    repo.roles["snapshot"]["version"] = repo.roles["timestamp"]["version"] = version - 1
    repo.roles["snapshot"]["version"] += 1
    repo.publish_as_is()


def take_back(repo: Repository) -> None:
    """What the repository does then: the versions that come after the honest ones."""
    for role in ROLES:
        repo.roles[role]["version"] = 1
    repo.publish("targets")


@pytest.mark.section(STEP)
@pytest.mark.parametrize("rotated", ["timestamp", "snapshot", "both"])
@pytest.mark.parametrize("how", ["replaced", "one of two replaced"])
def test_a_rotation_ends_a_fast_forward(client: Client, repo: Repository, rotated: str, how: str) -> None:
    """Even where old metadata would still verify: rotation says that a key was stolen."""
    roles = ("timestamp", "snapshot") if rotated == "both" else (rotated,)
    for role in roles:
        repo.set_keys(role, ed25519_key(), ed25519_key())
    repo.publish_root()
    fast_forward(repo)
    assert client.refresh()
    assert client.version("timestamp") == 1000

    for role in roles:
        kept = [] if how == "replaced" else repo.keys[role][1:]
        repo.set_keys(role, ed25519_key(), *kept)
    repo.publish_root()
    take_back(repo)

    assert client.refresh()
    assert [client.version(role) for role in ROLES] == [2, 2, 2]


@pytest.mark.section(STEP)
def test_a_rotation_counts_though_the_update_then_fails(client: Client, repo: Repository) -> None:
    """The new root is kept at once (5.3.8): what it deletes must be gone when the update goes on another day."""
    repo.set_keys("timestamp", ed25519_key(), ed25519_key())
    repo.publish_root()
    fast_forward(repo)
    assert client.refresh()
    repo.set_keys("timestamp", ed25519_key(), repo.keys["timestamp"][1])
    repo.publish_root()
    take_back(repo)
    timestamp = repo.files.pop("timestamp.json")
    assert not client.refresh()
    assert client.version("root") == 3
    repo.files["timestamp.json"] = timestamp

    assert client.refresh()
    assert [client.version(role) for role in ROLES] == [2, 2, 2]


@pytest.mark.opinion("5.3.11 stands after all new roots; whether keys that went and came back were rotated is open")
def test_a_rotation_amid_several_roots_counts(client: Client, repo: Repository) -> None:
    fast_forward(repo)
    assert client.refresh()
    old = {role: repo.keys[role] for role in ("timestamp", "snapshot")}
    for role in old:
        repo.set_keys(role, ed25519_key())
    repo.publish_root()
    for role, keys in old.items():
        repo.set_keys(role, *keys)
    repo.publish_root()
    take_back(repo)

    assert client.refresh()
    assert [client.version(role) for role in ROLES] == [2, 2, 2]


@pytest.mark.section("5.4.3; 5.5.5")
def test_without_a_rotation_nothing_is_forgotten(client: Client, repo: Repository) -> None:
    fast_forward(repo)
    assert client.refresh()
    repo.publish_root()
    take_back(repo)

    assert not client.refresh()
    assert [client.version(role) for role in ROLES] == [1000, 1000, 1000]


@pytest.mark.section("5.4.3.2")
def test_the_timestamp_never_lists_an_older_snapshot(client: Client, repo: Repository) -> None:
    repo.publish("targets")
    assert client.refresh()
    repo.roles["timestamp"]["meta"]["snapshot.json"]["version"] = 1
    repo.publish_timestamp()

    assert not client.refresh()
    assert client.version("timestamp") == 2


@pytest.mark.section("5.5.5: all delegated targets metadata files")
@pytest.mark.parametrize("how", ["older", "no longer listed"])
def test_delegated_roles_never_fall_back(client: Client, repo: Repository, how: str) -> None:
    repo.delegate("targets", "role", paths=["*"])
    repo.publish("role", "targets")
    repo.publish("role")
    assert client.refresh()
    if how == "older":
        repo.roles["snapshot"]["meta"]["role.json"]["version"] = 1
    else:
        del repo.roles["snapshot"]["meta"]["role.json"]
    repo.publish()

    assert not client.refresh()
    assert client.version("snapshot") == 3


@pytest.mark.section("5.5.5: in the trusted snapshot metadata file, if any")
def test_a_lost_timestamp_does_not_let_the_snapshot_fall_back(client: Client, repo: Repository) -> None:
    old = dict(repo.files)
    repo.publish("targets")
    assert client.refresh()
    (client.metadata_dir / "timestamp.json").unlink()
    repo.files = old

    assert not client.refresh()
    assert client.version("snapshot") == 2
    assert client.version("targets") == 2


@pytest.mark.section("5.4.3.1: the trusted timestamp metadata file, if any")
def test_a_lost_snapshot_does_not_let_the_timestamp_fall_back(client: Client, repo: Repository) -> None:
    old = dict(repo.files)
    repo.publish("targets")
    assert client.refresh()
    (client.metadata_dir / "snapshot.json").unlink()
    (client.metadata_dir / "targets.json").unlink()
    repo.files = old

    assert not client.refresh()
    assert client.version("timestamp") == 2


@pytest.mark.section("5: errors should not leave clients in an unrecoverable state")
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_state_is_fetched_again(client: Client, repo: Repository, role: str, damage: str) -> None:
    repo.add_target("targets", "a.txt", b"content")
    repo.publish("targets")
    assert client.refresh()
    (client.metadata_dir / f"{role}.json").write_bytes(DAMAGES[damage])

    assert client.download("a.txt")
    assert client.version(role) == 2


@pytest.mark.section("5.2; 5.3.4: nothing is trusted but for the trusted root")
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_root_is_not_replaced(client: Client, repo: Repository, damage: str) -> None:
    assert client.refresh()
    (client.metadata_dir / "root.json").write_bytes(DAMAGES[damage])
    repo.requests.clear()

    assert not client.refresh()
    assert (client.metadata_dir / "root.json").read_bytes() == DAMAGES[damage]
    assert repo.asked() == []


@pytest.mark.section("5.6.3; 5.6.2")
@pytest.mark.parametrize("role", ROLES)
def test_stored_metadata_of_another_repository_is_not_trusted(client: Client, repo: Repository, role: str) -> None:
    assert client.refresh()
    other = Repository()
    other.add_target("targets", "a.txt", b"of another")
    other.publish("targets")
    (client.metadata_dir / f"{role}.json").write_bytes(other.files[other.file_name(role)])
    repo.add_target("targets", "a.txt", b"of this")
    repo.publish("targets")

    assert client.download("a.txt")
    assert client.downloaded() == [b"of this"]


@pytest.mark.section("5.3.3: if this file is not available; RFC 9110, 15.5")
@pytest.mark.parametrize("status", [403, 404])
def test_no_newer_root_is_the_normal_case(client: Client, repo: Repository, status: int) -> None:
    repo.answer = lambda request, _content: Response(b"", status) if request.name == "2.root.json" else None

    assert client.refresh()


@pytest.mark.opinion("a server that fails says nothing of whether there is a newer root")
@pytest.mark.parametrize("status", [500, 503])
def test_a_failing_server_is_no_missing_root(client: Client, repo: Repository, status: int) -> None:
    repo.answer = lambda request, _content: Response(b"", status) if request.name == "2.root.json" else None

    assert not client.refresh()


@pytest.mark.section("5.3.8; 5.4.5; 5.5.7; 5.6.6: what was verified is kept, in this order")
@pytest.mark.parametrize(("missing", "kept"), [("timestamp", 0), ("snapshot", 1), ("targets", 2)])
def test_an_update_that_stops_keeps_what_came_before(client: Client, repo: Repository, missing: str, kept: int) -> None:
    assert client.refresh()
    repo.publish_root()
    repo.publish("targets")
    content = repo.files.pop(repo.file_name(missing))

    assert not client.refresh()
    assert client.version("root") == 2
    assert [client.version(role) for role in ROLES] == [2] * kept + [1] * (3 - kept)
    repo.files[repo.file_name(missing)] = content
    repo.requests.clear()
    assert client.refresh()
    assert repo.asked()[:2] == ["3.root.json", "timestamp.json"]
    assert [client.version(role) for role in ROLES] == [2, 2, 2]
