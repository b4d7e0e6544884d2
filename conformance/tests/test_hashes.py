"""HASHES of targets and metadata, BLAKE2b among them: whatever is listed has to match."""

import pytest

from simulator.client import Client
from simulator.repository import Repository, digest

pytestmark = pytest.mark.section("4.4, HASHES; 4.5, HASHES")

BLAKE2B = "blake2b-256"
blake2b = pytest.mark.feature("blake2b-256")
PATH = "files/a.txt"


def wrong(algorithm: str) -> str:
    return digest(algorithm, b"something else")


@blake2b
@pytest.mark.probe
def test_a_target_with_blake2b_alone(client: Client, repo: Repository) -> None:
    repo.add_target("targets", PATH, b"content", (BLAKE2B,))
    repo.publish("targets")

    assert client.download(PATH)
    assert client.downloaded() == [b"content"]


@blake2b
@pytest.mark.section("6.2.1: HASH.FILENAME.EXT")
def test_the_name_of_the_file_has_the_blake2b_digest(client: Client, repo: Repository) -> None:
    repo.add_target("targets", PATH, b"content", (BLAKE2B,))
    repo.publish("targets")

    assert client.download(PATH)
    assert repo.asked("targets") == [f"files/{digest(BLAKE2B, b'content')}.a.txt"]


@blake2b
@pytest.mark.parametrize("order", [(BLAKE2B, "sha256"), ("sha256", BLAKE2B), (BLAKE2B, "sha512"), ("sha512", BLAKE2B)])
def test_two_digests_that_match(client: Client, repo: Repository, order: tuple[str, str]) -> None:
    repo.add_target("targets", PATH, b"content", order)
    repo.publish("targets")

    assert client.download(PATH)


@blake2b
@pytest.mark.section("5.7.3")
@pytest.mark.parametrize("order", [(BLAKE2B,), (BLAKE2B, "sha256"), ("sha256", BLAKE2B)])
def test_a_wrong_blake2b_digest_is_refused(client: Client, repo: Repository, order: tuple[str, ...]) -> None:
    entry = repo.add_target("targets", PATH, b"content", order)
    entry["hashes"][BLAKE2B] = wrong(BLAKE2B)
    repo.target_files[f"files/{wrong(BLAKE2B)}.a.txt"] = b"content"
    repo.publish("targets")

    assert not client.download(PATH)
    assert client.downloaded() == []


@pytest.mark.section("5.7.3")
@pytest.mark.parametrize("other", [BLAKE2B, "sha512", "an unknown one"])
@pytest.mark.parametrize("first", ["sha256", "other"])
def test_a_wrong_sha256_digest_is_refused_beside_others(
    client: Client, repo: Repository, other: str, first: str
) -> None:
    right = "00" * 32 if other.startswith("an") else digest(other, b"content")
    entry = repo.add_target("targets", PATH, b"content")
    pairs = [("sha256", wrong("sha256")), (other, right)]
    entry["hashes"] = dict(pairs if first == "sha256" else reversed(pairs))
    for value in entry["hashes"].values():
        repo.target_files[f"files/{value}.a.txt"] = b"content"
    repo.publish("targets")

    assert not client.download(PATH)
    assert client.downloaded() == []


@blake2b
@pytest.mark.section("5.7.3")
@pytest.mark.parametrize("algorithm", ["blake2b-512", "blake2s"])
def test_another_blake2_under_that_name_is_refused(client: Client, repo: Repository, algorithm: str) -> None:
    value = digest({"blake2b-512": "blake2b"}.get(algorithm, algorithm), b"content")
    entry = repo.add_target("targets", PATH, b"content")
    entry["hashes"] = {BLAKE2B: value}
    repo.target_files[f"files/{value}.a.txt"] = b"content"
    repo.publish("targets")

    assert not client.download(PATH)
    assert client.downloaded() == []


@blake2b
@pytest.mark.parametrize("hashes", [(BLAKE2B,), (BLAKE2B, "sha256"), ("sha256", BLAKE2B)])
def test_metadata_with_blake2b(client: Client, repo: Repository, hashes: tuple[str, ...]) -> None:
    repo.list_hashes = hashes
    repo.delegate("targets", "role", paths=["*/*"])
    repo.add_target("role", PATH, b"content")
    repo.publish("role", "targets")

    assert client.download(PATH)
    assert client.version("snapshot") == 2


@pytest.mark.parametrize("algorithm", ["sha384", "sha512"])
def test_metadata_with_longer_sha_2(client: Client, repo: Repository, algorithm: str) -> None:
    repo.list_hashes = (algorithm,)
    repo.publish("targets")

    assert client.refresh()
    assert client.version("targets") == 2


@blake2b
@pytest.mark.section("5.5.2; 5.6.2")
@pytest.mark.parametrize("role", ["snapshot", "targets"])
@pytest.mark.parametrize("hashes", [(BLAKE2B,), (BLAKE2B, "sha256"), ("sha256", BLAKE2B)])
def test_metadata_with_a_wrong_blake2b_digest(
    client: Client, repo: Repository, hashes: tuple[str, ...], role: str
) -> None:
    refuses_metadata(client, repo, hashes, role, BLAKE2B)


@pytest.mark.section("5.5.2; 5.6.2")
@pytest.mark.parametrize("role", ["snapshot", "targets"])
@pytest.mark.parametrize(
    "hashes", [("sha256", BLAKE2B), (BLAKE2B, "sha256"), ("sha256", "sha512"), ("sha512", "sha256")]
)
def test_metadata_with_a_wrong_sha256_digest_beside_others(
    client: Client, repo: Repository, hashes: tuple[str, ...], role: str
) -> None:
    refuses_metadata(client, repo, hashes, role, "sha256")


def refuses_metadata(client: Client, repo: Repository, hashes: tuple[str, ...], role: str, algorithm: str) -> None:
    assert client.refresh()
    repo.list_hashes = hashes
    repo.publish("targets")
    by = {"snapshot": "timestamp", "targets": "snapshot"}[role]
    repo.roles[by]["meta"][f"{role}.json"]["hashes"][algorithm] = wrong(algorithm)
    if by == "snapshot":
        repo.publish()
    else:
        repo.publish_timestamp()

    assert not client.refresh()
    assert client.version(role) == 1


@pytest.mark.section("5.5.1; 5.6.1: up to the number of bytes specified")
@pytest.mark.parametrize("role", ["snapshot", "targets"])
def test_metadata_longer_than_listed(client: Client, repo: Repository, role: str) -> None:
    refuses_length(client, repo, role, -1)


@pytest.mark.opinion("4.4 has LENGTH be that of the file; 5.5.1 and 5.6.1 bound what is downloaded, and no more")
@pytest.mark.parametrize("role", ["snapshot", "targets"])
def test_metadata_shorter_than_listed(client: Client, repo: Repository, role: str) -> None:
    refuses_length(client, repo, role, 1)


def refuses_length(client: Client, repo: Repository, role: str, difference: int) -> None:
    assert client.refresh()
    repo.list_lengths = True
    repo.publish("targets")
    by = {"snapshot": "timestamp", "targets": "snapshot"}[role]
    repo.roles[by]["meta"][f"{role}.json"]["length"] += difference
    if by == "snapshot":
        repo.publish()
    else:
        repo.publish_timestamp()

    assert not client.refresh()
    assert client.version(role) == 1


@pytest.mark.section("5.7.3: up to the number of bytes specified")
@pytest.mark.parametrize("length", [0, 6])
def test_a_target_longer_than_listed(client: Client, repo: Repository, length: int) -> None:
    refuses_target(client, repo, length)


@pytest.mark.opinion(
    "4.5 has LENGTH be that of the file; by 5.7.3 it is a bound, 'because in some cases, the exact number is unknown'"
)
@pytest.mark.parametrize("length", [8, 1_000_000])
def test_a_target_shorter_than_listed(client: Client, repo: Repository, length: int) -> None:
    refuses_target(client, repo, length)


def refuses_target(client: Client, repo: Repository, length: int) -> None:
    repo.add_target("targets", PATH, b"content")["length"] = length
    repo.publish("targets")

    assert not client.download(PATH)
    assert client.downloaded() == []
