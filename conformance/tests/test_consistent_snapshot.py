"""The names of files, with consistent snapshots and without."""

import pytest

from simulator.client import Client
from simulator.repository import Repository, digest

pytestmark = pytest.mark.section("6.2.1; 5.5.1; 5.6.1; 5.7.3")

CONTENT = b"content"


def without(repo: Repository, how: str) -> None:
    """Publishes a root without consistent snapshots, and everything below it once more."""
    if how == "false":
        repo.roles["root"]["consistent_snapshot"] = False
    else:
        del repo.roles["root"]["consistent_snapshot"]
    repo.publish_root()


@pytest.mark.parametrize("how", ["false", "missing"])
def test_without_consistent_snapshots_names_are_plain(client: Client, repo: Repository, how: str) -> None:
    without(repo, how)
    repo.delegate("targets", "role", paths=["files/*"])
    repo.add_target("role", "files/a.txt", CONTENT)
    repo.publish("role", "targets")

    assert client.download("files/a.txt")
    names = ["2.root.json", "3.root.json", "timestamp.json", "snapshot.json", "targets.json", "role.json"]
    assert repo.asked() == names
    assert repo.asked("targets") == ["files/a.txt"]


def test_with_consistent_snapshots_names_have_versions_and_digests(client: Client, repo: Repository) -> None:
    repo.delegate("targets", "role", paths=["files/*"])
    repo.add_target("role", "files/a.txt", CONTENT)
    repo.publish("role", "targets")

    assert client.download("files/a.txt")
    names = ["2.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json", "1.role.json"]
    assert repo.asked() == names
    assert repo.asked("targets") == [f"files/{digest('sha256', CONTENT)}.a.txt"]


@pytest.mark.parametrize("to", [True, False])
@pytest.mark.section("5.3.12")
def test_the_newest_root_decides(client: Client, repo: Repository, to: bool) -> None:
    repo.roles["root"]["consistent_snapshot"] = not to
    repo.publish_root()
    repo.publish("targets")
    assert client.refresh()
    repo.roles["root"]["consistent_snapshot"] = to
    repo.publish_root()
    repo.publish("targets")
    repo.requests.clear()

    assert client.refresh()
    assert ("3.targets.json" in repo.asked()) == to
    assert ("targets.json" in repo.asked()) == (not to)


@pytest.mark.parametrize("path", ["a.txt", "x/a.txt", "x/y/z/a.txt", "x.y/a", "x/a.tar.gz"])
def test_the_digest_stands_before_the_last_part(client: Client, repo: Repository, path: str) -> None:
    """HASH.FILENAME.EXT is a file's name; directories have none."""
    repo.add_target("targets", path, CONTENT)
    repo.publish("targets")

    assert client.download(path)
    directory, slash, file = path.rpartition("/")
    assert repo.asked("targets") == [f"{directory}{slash}{digest('sha256', CONTENT)}.{file}"]


@pytest.mark.section("6.2.1: on a read, the choice of function follows from the selection of a digest")
def test_any_listed_digest_will_do_in_a_name(client: Client, repo: Repository) -> None:
    repo.add_target("targets", "a.txt", CONTENT, ("sha256", "sha512"))
    repo.publish("targets")

    assert client.download("a.txt")
    assert repo.asked("targets")[0] in {f"{digest(name, CONTENT)}.a.txt" for name in ("sha256", "sha512")}
