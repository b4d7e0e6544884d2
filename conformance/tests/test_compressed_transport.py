"""Content-Encoding: lengths and hashes are those of the files, whatever is done to them on the way.

The server compresses what the client offered to decode in its Accept-Encoding. A client that offers nothing is not less
conformant: those tests report "unsupported".
"""

import gzip
import os
import zlib
from collections.abc import Callable, Iterator

import pytest

from simulator.client import Client
from simulator.repository import Repository, Request, Response

pytestmark = pytest.mark.section("RFC 9110, 8.4 and 12.5.3; 4.4, LENGTH and HASHES: of the file")

PATH = "files/a.txt"
MEBIBYTE = 1024 * 1024


def deflate(content: bytes) -> bytes:
    """What HTTP calls deflate: the zlib format (RFC 9110, 8.4.1.2)."""
    return zlib.compress(content)


CODINGS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": deflate}
KINDS = ("metadata", "targets")


def offered(request: Request, coding: str) -> bool:
    """Whether the client's Accept-Encoding names the coding, other than with a weight of zero."""
    for entry in request.headers.get("accept-encoding", "").lower().split(","):
        name, _, weight = entry.partition(";")
        if name.strip() == coding:
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def encode(repo: Repository, coding: str, kind: str | None = None, change: Callable[[bytes], bytes] = bytes) -> None:
    """Has the server encode every file, or those of one kind, for which the client offers it; then change the bytes."""

    def answer(request: Request, content: bytes | None) -> Response | None:
        if content is None or kind not in (None, request.kind) or not offered(request, coding):
            return None
        return Response(change(CODINGS[coding](content)), headers={"Content-Encoding": coding})

    repo.answer = answer


def encode_unasked(repo: Repository, kind: str | None = None) -> None:
    """Has the server compress whether asked or not."""

    def answer(request: Request, content: bytes | None) -> Response | None:
        if content is None or kind not in (None, request.kind):
            return None
        return Response(gzip.compress(content), headers={"Content-Encoding": "gzip"})

    repo.answer = answer


def need(repo: Repository, coding: str, kind: str | None = None) -> None:
    """Ends the test where the client never offered to decode this."""
    requests = [request for request in repo.requests if kind in (None, request.kind)]
    assert requests, "the client asked for nothing"
    if not any(offered(request, coding) for request in requests):
        pytest.skip(f"unsupported: {coding} of {kind or 'files'}")


def publish(repo: Repository, content: bytes = b"content " * 100) -> bytes:
    """Publishes a target, with lengths and hashes listed for everything."""
    repo.list_lengths, repo.list_hashes = True, ("sha256",)
    repo.add_target("targets", PATH, content)
    repo.publish("targets")
    return content


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_was_offered_is_decoded(client: Client, repo: Repository, coding: str, kind: str) -> None:
    content = publish(repo)
    encode(repo, coding, kind)

    outcome = client.download(PATH)
    need(repo, coding, kind)
    assert outcome
    assert client.downloaded() == [content]


@pytest.mark.parametrize("size", [0, 1, 1000])
def test_an_encoding_that_is_longer_than_the_file(client: Client, repo: Repository, size: int) -> None:
    """The listed length bounds the file, not what carries it."""
    content = publish(repo, os.urandom(size))
    encode(repo, "gzip")

    outcome = client.download(PATH)
    need(repo, "gzip", "targets")
    assert outcome
    assert client.downloaded() == [content]


def test_stored_metadata_is_decoded(client: Client, repo: Repository) -> None:
    publish(repo)
    encode(repo, "gzip", "metadata")

    outcome = client.refresh()
    need(repo, "gzip")
    assert outcome
    for role in ("root", "timestamp", "snapshot", "targets"):
        assert client.version(role) == repo.roles[role]["version"]


def test_a_root_rotation(client: Client, repo: Repository) -> None:
    for _ in range(3):
        repo.publish_root()
    encode(repo, "gzip")

    outcome = client.refresh()
    need(repo, "gzip")
    assert outcome
    assert client.version("root") == 4


def test_a_file_in_several_gzip_members(client: Client, repo: Repository) -> None:
    """RFC 1952, 2.2: a gzip file is a series of members."""
    content = publish(repo)

    def answer(request: Request, _content: bytes | None) -> Response | None:
        if request.kind != "targets" or not offered(request, "gzip"):
            return None
        parts = gzip.compress(content[:100]), gzip.compress(content[100:])
        return Response(b"".join(parts), headers={"Content-Encoding": "gzip"})

    repo.answer = answer
    outcome = client.download(PATH)
    need(repo, "gzip", "targets")
    assert outcome
    assert client.downloaded() == [content]


@pytest.mark.section("RFC 9110, 8.4.1.3: a recipient SHOULD consider x-gzip to be equivalent to gzip")
def test_x_gzip(client: Client, repo: Repository) -> None:
    content = publish(repo)

    def answer(request: Request, _content: bytes | None) -> Response | None:
        if request.kind != "targets" or not offered(request, "gzip"):
            return None
        return Response(gzip.compress(content), headers={"Content-Encoding": "x-gzip"})

    repo.answer = answer
    outcome = client.download(PATH)
    need(repo, "gzip", "targets")
    assert outcome


CUTS: dict[str, Callable[[bytes], bytes]] = {
    "half": lambda coded: coded[: len(coded) // 2],
    "the header alone": lambda coded: coded[:10],
    "nothing": lambda _coded: b"",
    "not gzip at all": lambda coded: b"\x00" * len(coded),
    "a changed byte": lambda coded: coded[:-12] + bytes([coded[-12] ^ 0x55]) + coded[-11:],
}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("kind", KINDS)
def test_broken_gzip_is_refused(client: Client, repo: Repository, cut: str, kind: str) -> None:
    assert client.refresh()
    publish(repo, os.urandom(300).hex().encode())
    encode(repo, "gzip", kind, CUTS[cut])

    outcome = client.download(PATH)
    need(repo, "gzip", kind)
    assert not outcome
    assert client.downloaded() == []
    if kind == "metadata":
        assert client.version("timestamp") == 1
        repo.answer = lambda _request, _content: None
        assert client.download(PATH), "nothing keeps the client from updating later"


def bomb(size: int) -> Iterator[bytes]:
    """Gzip of so many zeros: a thousandth of the bytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    for _ in range(size // MEBIBYTE):
        yield packer.compress(bytes(MEBIBYTE))
    yield packer.flush()


@pytest.mark.section("5.3.3; 5.4.1; 5.5.1; 5.6.1; 5.7.3: up to some number of bytes")
@pytest.mark.parametrize("name", ["2.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json", "target"])
def test_a_decompression_bomb_is_left(client: Client, repo: Repository, name: str) -> None:
    """A gibibyte of zeros in a mebibyte. No bound of a TUF client is near the memory or the disk that would take."""
    publish(repo)

    def answer(request: Request, _content: bytes | None) -> Response | None:
        if not (request.name == name or (name == "target" and request.kind == "targets")):
            return None
        return (
            Response(bomb(1024 * MEBIBYTE), headers={"Content-Encoding": "gzip"}) if offered(request, "gzip") else None
        )

    repo.answer = answer
    outcome = client.download(PATH)
    need(repo, "gzip", "targets" if name == "target" else "metadata")
    assert not outcome
    assert outcome.peak_bytes < 250 * MEBIBYTE
    assert client.downloaded() == []


def nothing(size: int) -> Iterator[bytes]:
    """So many bytes of gzip members that hold nothing."""
    members = gzip.compress(b"", mtime=0) * 50_000
    for _ in range(size // len(members)):
        yield members


@pytest.mark.section("5.4.1; 5.7.3: up to some number of bytes")
@pytest.mark.parametrize("name", ["timestamp.json", "target"])
def test_an_endless_encoding_of_nothing_is_left(client: Client, repo: Repository, name: str) -> None:
    """What is decoded never reaches a bound; what is read has to have one of its own."""
    publish(repo)

    def answer(request: Request, _content: bytes | None) -> Response | None:
        if not (request.name == name or (name == "target" and request.kind == "targets")):
            return None
        if not offered(request, "gzip"):
            return None
        return Response(nothing(256 * MEBIBYTE), headers={"Content-Encoding": "gzip"})

    repo.answer = answer
    outcome = client.download(PATH)
    need(repo, "gzip", "targets" if name == "target" else "metadata")
    assert not outcome
    assert sum(request.sent for request in repo.requests) < 32 * MEBIBYTE


@pytest.mark.section("5.6.2: the hashes of the new targets metadata file MUST match")
@pytest.mark.parametrize("kind", KINDS)
def test_compression_unasked_deceives_nobody(client: Client, repo: Repository, kind: str) -> None:
    """To decode or to refuse are both right; to keep the encoded bytes, or to remain unable to update, is not."""
    content = publish(repo)
    encode_unasked(repo, kind)

    outcome = client.download(PATH)
    assert client.downloaded() == ([content] if outcome else [])
    for role in ("timestamp", "snapshot", "targets"):
        assert client.version(role) in (None, repo.roles[role]["version"])
    repo.answer = lambda _request, _content: None
    assert client.download(PATH)
    assert client.downloaded() == [content]


@pytest.mark.section("RFC 9110, 8.4: an unknown coding cannot be decoded")
@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_coding_deceives_nobody(client: Client, repo: Repository, kind: str) -> None:
    publish(repo)

    def answer(request: Request, content: bytes | None) -> Response | None:
        if request.kind != kind or content is None:
            return None
        return Response(content[::-1], headers={"Content-Encoding": "x-reverse"})

    repo.answer = answer
    assert not client.download(PATH)
    assert client.downloaded() == []


@pytest.mark.section("5.7.3; RFC 9110, 8.4: Content-Encoding alone says that a file is encoded")
@pytest.mark.parametrize("path", ["a.tar.gz", "a.txt"])
def test_a_compressed_target_stays_as_it_is(client: Client, repo: Repository, path: str) -> None:
    content = gzip.compress(b"an archive")
    repo.add_target("targets", path, content)
    repo.publish("targets")

    assert client.download(path)
    assert client.downloaded() == [content]


@pytest.mark.section("5.7.3; RFC 9110, 8.4.1.3")
def test_a_compressed_target_compressed_once_more(client: Client, repo: Repository) -> None:
    content = gzip.compress(b"an archive" * 100)
    repo.add_target("targets", "a.tar.gz", content)
    repo.publish("targets")
    encode(repo, "gzip")

    outcome = client.download("a.tar.gz")
    need(repo, "gzip", "targets")
    assert outcome
    assert client.downloaded() == [content]
