"""Succinct hashed bins: `succinct_roles` of TAP 15."""

import pytest

from simulator.client import Client
from simulator.keys import Key, ed25519_key
from simulator.repository import Repository, date, path_digest

pytestmark = [pytest.mark.section("TAP 15"), pytest.mark.feature("succinct-roles")]

PATH = "files/a.txt"


def offer(repo: Repository, bit_length: int, path: str = PATH, delegator: str = "targets", prefix: str = "bin") -> str:
    """Delegates to bins, of which the right one lists the target; gives its name."""
    key = repo.delegate_bins(delegator, bit_length, prefix)
    role = repo.bin(delegator, key, path)
    repo.add_target(role, path, b"content")
    return role


def path_in_bin(number: int, bit_length: int) -> str:
    """Some target path that belongs in the bin of this number."""
    paths = (f"file-{attempt}" for attempt in range(1_000_000))
    return next(path for path in paths if int(path_digest(path), 16) >> (256 - bit_length) == number)


@pytest.mark.probe
def test_a_target_is_found_in_its_bin(client: Client, repo: Repository) -> None:
    role = offer(repo, 8)
    repo.publish(role, "targets")

    assert client.download(PATH)
    assert client.downloaded() == [b"content"]


@pytest.mark.parametrize("bit_length", [1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 14, 16, 17, 20, 24, 28, 29, 31, 32])
def test_the_right_bin_is_asked_and_no_other(client: Client, repo: Repository, bit_length: int) -> None:
    """The name has as many hexadecimal digits as the last bin's, zero-padded."""
    role = offer(repo, bit_length)
    repo.publish(role, "targets")

    assert client.download(PATH)
    assert repo.asked()[-2:] == ["2.targets.json", f"1.{role}.json"]


@pytest.mark.parametrize(("bit_length", "number"), [(1, 0), (1, 1), (4, 0), (4, 15), (5, 0), (5, 31), (9, 1), (9, 511)])
def test_first_and_last_bins(client: Client, repo: Repository, bit_length: int, number: int) -> None:
    path = path_in_bin(number, bit_length)
    role = offer(repo, bit_length, path)
    repo.publish(role, "targets")

    assert client.download(path)
    assert repo.asked()[-1] == f"1.{role}.json"


def test_an_absent_target_costs_one_bin(client: Client, repo: Repository) -> None:
    key = repo.delegate_bins("targets", 6)
    role = repo.bin("targets", key, PATH)
    repo.publish(role, "targets")

    assert not client.download(PATH)
    assert repo.asked()[-2:] == ["2.targets.json", f"1.{role}.json"]


@pytest.mark.parametrize("prefix", ["a b", "a/b", "\u00fc", "a-b", "bin.1", "%41"])
def test_name_prefixes(client: Client, repo: Repository, prefix: str) -> None:
    role = offer(repo, 4, prefix=prefix)
    repo.publish(role, "targets")

    assert client.download(PATH)
    assert repo.asked()[-1] == f"1.{role}.json"
    assert client.outside() == []


@pytest.mark.section("5.6.7: if any metadata cannot be downloaded, report that the target cannot be found")
def test_a_bin_that_the_snapshot_does_not_list(client: Client, repo: Repository) -> None:
    role = offer(repo, 8)
    repo.publish(role, "targets")
    del repo.roles["snapshot"]["meta"][f"{role}.json"]
    repo.publish()

    assert not client.download(PATH)
    assert f"1.{role}.json" not in repo.asked()


@pytest.mark.section("5.6.7: if any metadata cannot be downloaded, report that the target cannot be found")
def test_a_bin_that_the_repository_does_not_have(client: Client, repo: Repository) -> None:
    role = offer(repo, 8)
    repo.publish(role, "targets")
    del repo.files[f"1.{role}.json"]

    assert not client.download(PATH)


@pytest.mark.section("5.6.3")
def test_a_bin_signed_by_another_key(client: Client, repo: Repository) -> None:
    role = offer(repo, 8)
    repo.keys[role] = [ed25519_key()]
    repo.publish(role, "targets")

    assert not client.download(PATH)
    assert client.trusted(role) is None


@pytest.mark.section("5.6.3")
@pytest.mark.parametrize("signatures", [1, 2])
def test_the_threshold_holds_for_every_bin(client: Client, repo: Repository, signatures: int) -> None:
    role = offer(repo, 8)
    keys = [ed25519_key(), ed25519_key()]
    delegations = repo.roles["targets"]["delegations"]
    delegations["keys"] = {key.id: key.value for key in keys}
    delegations["succinct_roles"].update(keyids=[key.id for key in keys], threshold=2)
    repo.keys[role] = keys[:signatures]
    repo.publish(role, "targets")

    assert bool(client.download(PATH)) == (signatures == 2)


@pytest.mark.section("5.6.2")
@pytest.mark.parametrize("hashes", [(), ("sha256",)])
def test_bins_served_in_each_others_place(client: Client, repo: Repository, hashes: tuple[str, ...]) -> None:
    """All bins are signed by the same keys."""
    repo.list_hashes = hashes
    paths = [path_in_bin(number, 3) for number in (2, 5)]
    key = repo.delegate_bins("targets", 3)
    roles = [repo.bin("targets", key, path) for path in paths]
    for role, path in zip(roles, paths, strict=True):
        repo.add_target(role, path, path.encode())
    repo.publish(*roles, "targets")
    first, second = (f"1.{role}.json" for role in roles)
    repo.files[first], repo.files[second] = repo.files[second], repo.files[first]

    for path in paths:
        assert not client.download(path)
    assert client.downloaded() == []


def test_a_bin_speaks_of_no_path_of_another_bin(client: Client, repo: Repository) -> None:
    key = repo.delegate_bins("targets", 3)
    path, strange = path_in_bin(2, 3), path_in_bin(5, 3)
    for place in (path, strange):
        repo.bin("targets", key, place)
    repo.add_target(repo.bin("targets", key, path), strange, b"strange")
    repo.publish(repo.bin("targets", key, path), repo.bin("targets", key, strange), "targets")

    assert not client.download(strange)
    assert client.downloaded() == []


@pytest.mark.section("5.6.4")
def test_a_bin_of_another_version_than_the_snapshot_lists(client: Client, repo: Repository) -> None:
    role = offer(repo, 8)
    repo.publish(role, "targets")
    repo.publish(role)
    repo.files[f"2.{role}.json"] = repo.files[f"1.{role}.json"]

    assert not client.download(PATH)


@pytest.mark.section("5.6.5")
def test_an_expired_bin(client: Client, repo: Repository) -> None:
    role = offer(repo, 8)
    repo.roles[role]["expires"] = date(hours=-1)
    repo.publish(role, "targets")

    assert not client.download(PATH)
    assert client.downloaded() == []


@pytest.mark.section("5.5.5")
@pytest.mark.parametrize("how", ["older", "no longer listed"])
def test_bins_never_fall_back(client: Client, repo: Repository, how: str) -> None:
    role = offer(repo, 8)
    repo.publish(role, "targets")
    repo.publish(role)
    assert client.download(PATH)

    if how == "older":
        repo.roles["snapshot"]["meta"][f"{role}.json"]["version"] = 1
    else:
        del repo.roles["snapshot"]["meta"][f"{role}.json"]
    repo.publish()

    assert not client.refresh()
    assert client.version("snapshot") == 3


@pytest.mark.section("TAP 15: only one of succinct_roles or roles may be specified")
@pytest.mark.parametrize("listed", ["none", "one"])
def test_roles_and_succinct_roles_together_are_refused(client: Client, repo: Repository, listed: str) -> None:
    role = offer(repo, 8)
    delegations = repo.roles["targets"]["delegations"]
    delegations["roles"] = []
    roles = [role]
    if listed == "one":
        repo.delegate("targets", "other", paths=["*", "files/*"])
        repo.add_target("other", PATH, b"of the other")
        roles.append("other")
    repo.publish(*roles, "targets")

    assert not client.download(PATH)
    assert client.downloaded() == []


@pytest.mark.section("TAP 15: BIT_LENGTH must be an integer between 1 and 32 (inclusive)")
@pytest.mark.parametrize("bit_length", [0, -1, 33, 64, 256, 2**32, "8", None, True], ids=repr)
def test_other_bit_lengths_are_refused(client: Client, repo: Repository, bit_length: object) -> None:
    role = offer(repo, 8)
    repo.roles["targets"]["delegations"]["succinct_roles"]["bit_length"] = bit_length
    repo.publish(role, "targets")
    if bit_length is True:
        # As one bit: what a client that takes true for 1 would ask for.
        number = int(path_digest(PATH), 16) >> 255
        repo.roles[f"bin-{number}"], repo.keys[f"bin-{number}"] = repo.roles[role], repo.keys[role]
        repo.publish(f"bin-{number}")

    assert not client.download(PATH)
    assert client.downloaded() == []


@pytest.mark.parametrize("member", ["keyids", "threshold", "bit_length", "name_prefix"])
def test_every_member_is_needed(client: Client, repo: Repository, member: str) -> None:
    role = offer(repo, 8)
    del repo.roles["targets"]["delegations"]["succinct_roles"][member]
    repo.publish(role, "targets")

    assert not client.download(PATH)


@pytest.mark.section("4: undefined attribute-value pairs are part of what is signed")
def test_unknown_members_do_no_harm(client: Client, repo: Repository) -> None:
    role = offer(repo, 8)
    repo.roles["targets"]["delegations"]["succinct_roles"]["x-note"] = {"any": ["thing", 1]}
    repo.publish(role, "targets")

    assert client.download(PATH)


def test_bins_of_a_delegated_role(client: Client, repo: Repository) -> None:
    repo.delegate("targets", "index", paths=["files/*"])
    role = offer(repo, 10, delegator="index", prefix="index")
    repo.publish(role, "index", "targets")

    assert client.download(PATH)
    assert repo.asked()[-2:] == ["1.index.json", f"1.{role}.json"]


def test_a_bin_that_delegates_further(client: Client, repo: Repository) -> None:
    key = repo.delegate_bins("targets", 4)
    role = repo.bin("targets", key, PATH)
    repo.delegate(role, "project", paths=["files/*"])
    repo.add_target("project", PATH, b"content")
    repo.publish("project", role, "targets")

    assert client.download(PATH)
    assert repo.asked()[-2:] == [f"1.{role}.json", "1.project.json"]


def test_bins_below_bins(client: Client, repo: Repository) -> None:
    """A bin of a bin goes by the first bits of the same digest."""
    key = repo.delegate_bins("targets", 4, "outer")
    outer = repo.bin("targets", key, PATH)
    inner = offer(repo, 12, delegator=outer, prefix="inner")
    repo.publish(inner, outer, "targets")

    assert client.download(PATH)
    assert repo.asked()[-2:] == [f"1.{outer}.json", f"1.{inner}.json"]


def two_roles(repo: Repository, **first: object) -> tuple[str, Key]:
    """`targets` delegates to `index`, which has bins without the target, and then to `rest`, which has it."""
    repo.delegate("targets", "index", paths=["files/*"], **first)
    key = repo.delegate_bins("index", 4, "index")
    role = repo.bin("index", key, PATH)
    repo.delegate("targets", "rest", paths=["files/*"])
    repo.add_target("rest", PATH, b"of the rest")
    repo.publish(role, "index", "rest", "targets")
    return role, key


@pytest.mark.section("TAP 15: all succinct hashed bin delegations will be non-terminating")
def test_bins_do_not_terminate(client: Client, repo: Repository) -> None:
    two_roles(repo)

    assert client.download(PATH)
    assert client.downloaded() == [b"of the rest"]


@pytest.mark.section("TAP 15: they may add the terminating flag in the parent delegation")
def test_the_parent_delegation_terminates(client: Client, repo: Repository) -> None:
    role, _ = two_roles(repo, terminating=True)

    assert not client.download(PATH)
    assert repo.asked()[-1] == f"1.{role}.json"


@pytest.mark.opinion("no delegations at all can be told from ones that are neither")
def test_delegations_that_are_neither(client: Client, repo: Repository) -> None:
    repo.roles["targets"]["delegations"] = {"keys": {}}
    repo.add_target("targets", PATH, b"content")
    repo.publish("targets")

    assert not client.refresh()
