"""Delegations by `path_hash_prefixes`: whose the target paths are whose SHA-256 begins with one of these digits."""

import pytest

from simulator.client import Client
from simulator.keys import ed25519_key
from simulator.repository import Repository, path_digest

pytestmark = pytest.mark.section("4.5, path_hash_prefixes")

PATH = "files/a.txt"


def prefix(length: int, path: str = PATH) -> str:
    """The first digits of the path's digest."""
    return path_digest(path)[:length]


def beside(length: int) -> str:
    """As many digits, of which the last is another."""
    digits = prefix(length)
    return digits[:-1] + ("0" if digits[-1] != "0" else "1")


def offer(repo: Repository, role: str, *prefixes: str, content: bytes | None = b"content", **delegation) -> None:
    """Delegates these prefixes from `targets` to a role, which lists the target with this content."""
    repo.delegate("targets", role, path_hash_prefixes=list(prefixes), **delegation)
    if content is not None:
        repo.add_target(role, PATH, content)


@pytest.mark.parametrize("length", [1, 2, 3, 8, 16, 31, 63, 64])
def test_prefixes_of_every_length_match(client: Client, repo: Repository, length: int) -> None:
    offer(repo, "bin", prefix(length))
    repo.publish("bin", "targets")

    assert client.download(PATH)
    assert client.downloaded() == [b"content"]
    assert "1.bin.json" in repo.asked()


@pytest.mark.parametrize("length", [1, 2, 3, 63, 64])
def test_one_other_digit_is_no_match(client: Client, repo: Repository, length: int) -> None:
    offer(repo, "bin", beside(length))
    repo.publish("bin", "targets")

    assert not client.download(PATH)
    assert client.downloaded() == []
    assert "1.bin.json" not in repo.asked()


def test_any_prefix_of_the_list_will_do(client: Client, repo: Repository) -> None:
    offer(repo, "bin", beside(1), beside(4), prefix(2))
    repo.publish("bin", "targets")

    assert client.download(PATH)


def test_an_empty_list_matches_nothing(client: Client, repo: Repository) -> None:
    offer(repo, "bin", content=b"of the bin")
    repo.delegate("targets", "other", paths=["files/*"])
    repo.add_target("other", PATH, b"of the other")
    repo.publish("bin", "other", "targets")

    assert client.download(PATH)
    assert client.downloaded() == [b"of the other"]
    assert "1.bin.json" not in repo.asked()


@pytest.mark.parametrize("path", ["a b/\u00fc.txt", "a/very/deep/folder/file.tar.gz", "\U0001f40d"])
def test_the_digest_is_of_the_path_in_utf_8(client: Client, repo: Repository, path: str) -> None:
    repo.delegate("targets", "bin", path_hash_prefixes=[path_digest(path)])
    repo.publish("bin", "targets")

    assert not client.download(path), "no role lists the target"
    assert "1.bin.json" in repo.asked()


def test_a_terminating_bin_ends_the_search(client: Client, repo: Repository) -> None:
    offer(repo, "first", prefix(2), content=None, terminating=True)
    offer(repo, "second", prefix(2))
    repo.publish("first", "second", "targets")

    assert not client.download(PATH)
    assert "1.second.json" not in repo.asked()


def test_a_bin_that_does_not_terminate_leaves_the_search_open(client: Client, repo: Repository) -> None:
    offer(repo, "first", prefix(2), content=None)
    offer(repo, "second", prefix(2))
    repo.publish("first", "second", "targets")

    assert client.download(PATH)
    assert repo.asked()[-2:] == ["1.first.json", "1.second.json"]


def test_a_terminating_bin_that_does_not_match_ends_nothing(client: Client, repo: Repository) -> None:
    offer(repo, "first", beside(2), content=None, terminating=True)
    offer(repo, "second", prefix(2))
    repo.publish("first", "second", "targets")

    assert client.download(PATH)
    assert "1.first.json" not in repo.asked()


@pytest.mark.parametrize("lengths", [(2, 2), (1, 64), (64, 1)])
def test_the_first_bin_in_order_wins(client: Client, repo: Repository, lengths: tuple[int, int]) -> None:
    """Order counts, not how exact a prefix is."""
    for role, length in zip(("first", "second"), lengths, strict=True):
        offer(repo, role, prefix(length), content=role.encode())
    repo.publish("first", "second", "targets")

    assert client.download(PATH)
    assert client.downloaded() == [b"first"]
    assert "1.second.json" not in repo.asked()


@pytest.mark.parametrize("first", ["by prefix", "by path"])
def test_prefixes_and_patterns_stand_in_one_order(client: Client, repo: Repository, first: str) -> None:
    for role in sorted(["by prefix", "by path"], key=lambda role: role != first):
        paths = {"path_hash_prefixes": [prefix(3)]} if role == "by prefix" else {"paths": ["files/*"]}
        repo.delegate("targets", role, **paths)
        repo.add_target(role, PATH, role.encode())
    repo.publish("by prefix", "by path", "targets")

    assert client.download(PATH)
    assert client.downloaded() == [first.encode()]


def test_every_delegation_of_a_chain_has_to_match(client: Client, repo: Repository) -> None:
    """ "Clients MUST check that a target is in one of the trusted paths of all roles in a delegation chain"."""
    repo.delegate("targets", "outer", path_hash_prefixes=[beside(1)])
    repo.delegate("outer", "inner", path_hash_prefixes=[prefix(2)])
    repo.add_target("inner", PATH, b"content")
    repo.publish("inner", "outer", "targets")

    assert not client.download(PATH)
    assert client.downloaded() == []


def test_a_chain_of_ever_longer_prefixes(client: Client, repo: Repository) -> None:
    delegator = "targets"
    for length in range(1, 6):
        repo.delegate(delegator, f"level-{length}", path_hash_prefixes=[prefix(length)])
        delegator = f"level-{length}"
    repo.add_target(delegator, PATH, b"content")
    repo.publish(*[f"level-{length}" for length in range(1, 6)], "targets")

    assert client.download(PATH)
    assert repo.asked()[-5:] == [f"1.level-{length}.json" for length in range(1, 6)]


def test_prefixes_within_a_role_of_patterns(client: Client, repo: Repository) -> None:
    repo.delegate("targets", "folder", paths=["files/*"])
    repo.delegate("folder", "bin", path_hash_prefixes=[prefix(2)])
    repo.add_target("bin", PATH, b"content")
    repo.publish("bin", "folder", "targets")

    assert client.download(PATH)


@pytest.mark.section("4.5: exactly one of them should be set")
def test_prefixes_and_patterns_together_are_refused(client: Client, repo: Repository) -> None:
    repo.delegate("targets", "bin", path_hash_prefixes=[prefix(2)], paths=["*", "files/*"])
    repo.add_target("bin", PATH, b"content")
    repo.publish("bin", "targets")

    assert not client.download(PATH)


@pytest.mark.section("5.6.3")
def test_a_bin_signed_by_another_key_is_refused(client: Client, repo: Repository) -> None:
    offer(repo, "bin", prefix(2))
    repo.keys["bin"] = [ed25519_key()]
    repo.publish("bin", "targets")

    assert not client.download(PATH)
    assert client.trusted("bin") is None


@pytest.mark.section("5.6.2")
@pytest.mark.parametrize("hashes", [(), ("sha256",)])
def test_bins_served_in_each_others_place(client: Client, repo: Repository, hashes: tuple[str, ...]) -> None:
    """Without hashes nobody can tell that it is another bin; still nothing of it may be trusted that is not its own."""
    repo.list_hashes = hashes
    key = ed25519_key()
    repo.delegate("targets", "bin", key, path_hash_prefixes=[prefix(4)])
    repo.delegate("targets", "other", key, path_hash_prefixes=[beside(4)])
    repo.add_target("bin", PATH, b"right")
    repo.add_target("other", "elsewhere", b"wrong")
    repo.publish("bin", "other", "targets")
    repo.files["1.bin.json"], repo.files["1.other.json"] = repo.files["1.other.json"], repo.files["1.bin.json"]

    assert not client.download(PATH)
    assert not client.download("elsewhere")
    assert client.downloaded() == []
    if hashes:
        assert client.trusted("bin") is None


def test_an_empty_prefix_is_a_prefix_of_every_digest(client: Client, repo: Repository) -> None:
    offer(repo, "bin", "")
    repo.publish("bin", "targets")

    assert client.download(PATH)


@pytest.mark.opinion("HEX_DIGEST is not said to be of either case; clients compare as written, with lower case")
def test_upper_case_digits_match_nothing(client: Client, repo: Repository) -> None:
    path = next(f"file-{number}" for number in range(1000) if path_digest(f"file-{number}")[0] in "abcdef")
    repo.delegate("targets", "bin", path_hash_prefixes=[prefix(3, path).upper()])
    repo.add_target("bin", path, b"content")
    repo.publish("bin", "targets")

    assert client.refresh()
    assert not client.download(path)
    assert "1.bin.json" not in repo.asked()


@pytest.mark.opinion("OPTIONAL, if used, exactly one: with neither, a role is trusted with nothing, and harms nothing")
def test_neither_prefixes_nor_patterns_match_nothing(client: Client, repo: Repository) -> None:
    repo.delegate("targets", "bin")
    repo.add_target("bin", PATH, b"of the bin")
    repo.add_target("targets", "top", b"top")
    repo.publish("bin", "targets")

    assert not client.download(PATH)
    assert client.download("top")


@pytest.mark.opinion("what is longer than a digest is a prefix of none, and no reason to refuse the rest")
def test_a_prefix_longer_than_a_digest_matches_nothing(client: Client, repo: Repository) -> None:
    offer(repo, "bin", prefix(64) + "0", content=b"of the bin")
    repo.add_target("targets", "top", b"top")
    repo.publish("bin", "targets")

    assert not client.download(PATH)
    assert client.download("top")
