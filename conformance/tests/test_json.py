"""JSON: what is signed is the canonical form of what was read, so reading has to be without ambiguity (4.1)."""

import json

import pytest

from simulator.client import Client
from simulator.repository import Repository, envelope, to_json

AMBIGUOUS = "4.1 wants no ambiguity and does not name duplicates; RFC 8259, 4: what becomes of them is unpredictable"


def timestamp(repo: Repository, **changes: object) -> dict:
    """The next timestamp, signed, with other members."""
    signed = {**repo.roles["timestamp"], "version": 2, **changes}
    return envelope(signed, repo.keys["timestamp"])


DUPLICATES = {
    "version": ('"version": 2', '"version": 1, "version": 2'),
    "version, the other way round": ('"version": 2', '"version": 2, "version": 1'),
    "expires": ('"expires": ', '"expires": "2001-01-01T00:00:00Z", "expires": '),
    "signed": ('"signed": {', '"signed": {"_type": "timestamp"}, "signed": {'),
    "signatures": ('"signatures": [', '"signatures": [], "signatures": ['),
    "meta": ('"meta": {', '"meta": {}, "meta": {'),
    "a listed file": ('"snapshot.json": {', '"snapshot.json": {"version": 9}, "snapshot.json": {'),
    "keyid": ('"keyid": "', '"keyid": "x", "keyid": "'),
}


@pytest.mark.opinion(AMBIGUOUS)
@pytest.mark.parametrize("duplicate", DUPLICATES)
def test_duplicate_members_are_refused(client: Client, repo: Repository, duplicate: str) -> None:
    """Signed over the last of them: who takes the first, and who the last, would trust two different things."""
    before, after = DUPLICATES[duplicate]
    text = json.dumps(timestamp(repo))
    assert text.count(before) == 1
    repo.write("timestamp", text.replace(before, after).encode())

    assert not client.refresh()
    assert client.version("timestamp") is None


@pytest.mark.opinion(AMBIGUOUS)
def test_a_target_listed_twice_is_refused(client: Client, repo: Repository) -> None:
    repo.add_target("targets", "a.txt", b"first")
    first = json.dumps({"a.txt": repo.roles["targets"]["targets"]["a.txt"]})[1:-1]
    repo.add_target("targets", "a.txt", b"second")
    repo.publish("targets")
    repo.rewrite("targets", lambda content: content.replace(b'"targets": {', f'"targets": {{{first}, '.encode()))

    assert not client.download("a.txt")


WRITINGS = {
    "indented": lambda document: json.dumps(document, indent=8).encode(),
    "compact": lambda document: json.dumps(document, separators=(",", ":")).encode(),
    "in UTF-8": lambda document: json.dumps(document, ensure_ascii=False).encode(),
    "escaped": lambda document: json.dumps(document).replace("snapshot.json", "\\u0073napshot\\u002ejson").encode(),
    "members sorted": lambda document: json.dumps(document, sort_keys=True).encode(),
    "members reversed": lambda document: json.dumps(
        {"signed": dict(reversed(document["signed"].items())), "signatures": document["signatures"]}
    ).encode(),
    "white space around": lambda document: b"\r\n\t " + json.dumps(document).encode() + b"\n\n",
}


@pytest.mark.section("4.2.1: a signature of the canonical form")
@pytest.mark.parametrize("writing", WRITINGS)
def test_any_writing_of_the_same_json(client: Client, repo: Repository, writing: str) -> None:
    repo.write("timestamp", WRITINGS[writing](timestamp(repo, **{"x-note": "\u00fc \U0001f40d"})))

    assert client.refresh()
    assert client.version("timestamp") == 2


NOTES = {
    "quotes and backslashes": 'a "b" \\ c \\" / \\/',
    "control characters": "".join(map(chr, range(1, 32))) + "\x7f",
    "a null character": "a\x00b",
    "decomposed": "u\u0308",
    "compatibility characters": "\ufb01 \u212b \u2126",
    "beyond 16 bits": "\U0001f40d\U0010ffff",
    "line separators": "\u2028\u2029",
    "markup": "<a href='x'>&amp;</a>",
    "booleans and null": [True, False, None],
    "numbers": [0, -1, 2**31, -(2**31), 2**53 - 1],
    "nothing": {"": "", "a": {}, "b": []},
    "order of members": {"b": 1, "a": 2, "B": 3, "aa": 4, "a.b": 5, "\u00fc": 6, "1": 7, "10": 8, "9": 9},
}


@pytest.mark.section("4: undefined attribute-value pairs are included when verifying signatures; canonical JSON")
@pytest.mark.parametrize("note", NOTES)
def test_unknown_members_of_any_content(client: Client, repo: Repository, note: str) -> None:
    repo.write("timestamp", to_json(timestamp(repo, **{"x-note": NOTES[note]})))

    assert client.refresh()
    assert client.version("timestamp") == 2


@pytest.mark.opinion(
    "the page on canonical JSON does not say by which encoding names are sorted; by code points is usual"
)
def test_members_beyond_16_bits_are_sorted_by_code_point(client: Client, repo: Repository) -> None:
    repo.write("timestamp", to_json(timestamp(repo, **{"x-note": {"\ufffd": 1, "\U00010000": 2}})))

    assert client.refresh()


# What is damaged stands beside what is signed: it is the parser that has to mind, and no signature does it instead.
BROKEN = {
    "more after the end": lambda content: content + b"x",
    "a second document": lambda content: content * 2,
    "a comma too many": lambda content: content[:-1] + b",}",
    "a comment": lambda content: b"/* */" + content,
    "single quotes": lambda content: content.replace(b'"', b"'"),
    "NaN": lambda content: content.replace(b'"signatures"', b'"x": NaN, "signatures"'),
    "a raw line feed": lambda content: content.replace(b'"signatures"', b'"x": "\n", "signatures"'),
    "invalid UTF-8": lambda content: content.replace(b'"signatures"', b'"x": "\xff", "signatures"'),
    "an overlong form": lambda content: content.replace(b'"signatures"', b'"x": "\xc0\xaf", "signatures"'),
}


@pytest.mark.section("4.1: metadata is JSON, which is UTF-8 (RFC 8259, 8.1)")
@pytest.mark.parametrize("damage", BROKEN)
def test_what_is_no_json_is_refused(client: Client, repo: Repository, damage: str) -> None:
    repo.write("timestamp", BROKEN[damage](to_json(timestamp(repo))))

    assert not client.refresh()
    assert client.version("timestamp") is None


@pytest.mark.opinion("RFC 8259, 8.1: a byte order mark MUST NOT be added; to ignore one is allowed")
def test_a_byte_order_mark_is_refused(client: Client, repo: Repository) -> None:
    repo.write("timestamp", b"\xef\xbb\xbf" + to_json(timestamp(repo)))

    assert not client.refresh()


@pytest.mark.opinion(
    "4.1 says of its own examples alone that floating-point numbers are omitted; 2.0 is a number like 2"
)
@pytest.mark.parametrize("number", [b"2.0", b"2e0", b"0.2e1", b"20e-1"])
def test_a_version_that_is_no_integer_as_written(client: Client, repo: Repository, number: bytes) -> None:
    """Signed over 2, which it equals."""
    repo.write("timestamp", to_json(timestamp(repo)).replace(b'"version": 2', b'"version": ' + number))

    assert not client.refresh()
    assert client.version("timestamp") is None


@pytest.mark.section("5.3.8; 5.4.5: the client MUST write the file")
def test_files_are_kept_byte_for_byte(client: Client, repo: Repository) -> None:
    """Members nobody knows, white space and order included: anything else might not verify again."""
    content = json.dumps(timestamp(repo, **{"x-note": "\u00fc\U0001f40d", "a": [1, 2]}), indent=3, ensure_ascii=False)
    repo.write("timestamp", content.encode())

    assert client.refresh()
    assert (client.metadata_dir / "timestamp.json").read_bytes() == content.encode()


@pytest.mark.section("4.2.1: SIGNATURE is hex-encoded")
@pytest.mark.parametrize("damage", ["xyz", "", "0", "not hex", None, 7], ids=repr)
def test_a_malformed_signature_does_not_count(client: Client, repo: Repository, damage: object) -> None:
    document = timestamp(repo)
    document["signatures"][0]["sig"] = damage
    repo.write("timestamp", to_json(document))

    assert not client.refresh()
    assert client.version("timestamp") is None
