"""Role names and target paths on their way into URLs and file names."""

from pathlib import Path

import pytest

from simulator.client import Client
from simulator.repository import Repository, digest
from simulator.server import Server

CONTENT = b"content"

ROLES = [
    "a b", "a/b", "../a", "..", ".", "a%2Fb", "a?b", "a#b", "a&b=c", "a+b", "a:b", "a\\b", "\u00fc", "u\u0308",
    "\u65e5\u672c", "\U0001f40d", "'\"", "a.json", "1.a", "-a", "a" * 100, "constructor", "__proto__", "1", "a\nb",
]  # fmt: skip


@pytest.mark.section("5.6.1: VERSION_NUMBER.FILENAME.EXT, of a ROLENAME that is a string (4.5)")
@pytest.mark.parametrize("role", ROLES, ids=ascii)
def test_a_role_of_any_name(client: Client, repo: Repository, role: str) -> None:
    """One path segment that decodes to the name, and one file in the client's directory."""
    repo.delegate("targets", role, paths=["*"])
    repo.add_target(role, "a.txt", CONTENT)
    repo.publish(role, "targets")

    assert client.download("a.txt")
    assert client.downloaded() == [CONTENT]
    assert repo.asked()[-1] == f"1.{role}.json"
    assert "/" not in repo.asked_raw("metadata")[-1]
    assert client.outside() == []
    assert client.version("root") == 1


@pytest.mark.opinion("nothing says that metadata of delegated roles is kept from one update to the next")
@pytest.mark.parametrize("role", ROLES, ids=ascii)
def test_a_role_of_any_name_is_found_again(client: Client, repo: Repository, role: str) -> None:
    """Among the client's own files: it is not asked for a second time."""
    repo.delegate("targets", role, paths=["*"])
    repo.add_target(role, "a.txt", CONTENT)
    repo.publish(role, "targets")
    assert client.download("a.txt")
    repo.requests.clear()

    assert client.download("a.txt")
    assert f"1.{role}.json" not in repo.asked()


@pytest.mark.section("4.5: names are compared as they are; 4.1: canonical JSON does not normalise")
def test_names_that_look_alike_are_two_roles(client: Client, repo: Repository) -> None:
    composed, decomposed = "\u00fc", "u\u0308"
    repo.delegate("targets", composed, paths=["*"])
    repo.delegate("targets", decomposed, paths=["*"])
    repo.add_target(decomposed, "a.txt", CONTENT)
    repo.publish(composed, decomposed, "targets")

    assert client.download("a.txt")
    assert repo.asked()[-2:] == [f"1.{composed}.json", f"1.{decomposed}.json"]


@pytest.mark.section('4.5: "roles" is an array, to give delegations an order')
def test_numbers_for_names_keep_their_order(client: Client, repo: Repository) -> None:
    for role in ("9", "10", "1", "a", "0"):
        repo.delegate("targets", role, paths=["*"])
        repo.add_target(role, "a.txt", role.encode())
    repo.publish("9", "10", "1", "a", "0", "targets")

    assert client.download("a.txt")
    assert client.downloaded() == [b"9"]


@pytest.mark.section("4.5, ROLENAME: multiple roles with the same rolename are not allowed")
@pytest.mark.parametrize("between", [[], ["other"]], ids=["adjacent", "apart"])
def test_a_name_listed_twice_is_refused(client: Client, repo: Repository, between: list[str]) -> None:
    for role in ("role", *between, "role"):
        repo.delegate("targets", role, paths=["*"])
    repo.add_target("role", "a.txt", CONTENT)
    repo.publish("role", *between, "targets")

    assert not client.download("a.txt")


@pytest.mark.section("5.3.8; 5.4.5; 5.5.7: those file names are the top-level roles'")
@pytest.mark.parametrize("name", ["root", "timestamp", "snapshot", "targets"])
def test_a_delegated_role_replaces_no_top_level_one(client: Client, repo: Repository, name: str) -> None:
    """`targets` lists a role of that name; the server has a file for it that the role's key signed."""
    assert client.refresh()
    before = client.trusted(name)
    repo.delegate("targets", "stand-in", paths=["*"])
    repo.add_target("stand-in", "a.txt", CONTENT)
    repo.roles["targets"]["delegations"]["roles"][0]["name"] = name
    repo.publish("stand-in", "targets")
    if name != "targets":
        repo.roles["snapshot"]["meta"][f"{name}.json"] = {"version": 1}
        repo.publish()
        repo.files[f"1.{name}.json"] = repo.files["1.stand-in.json"]

    assert not client.download("a.txt")
    assert client.downloaded() == []
    after = client.trusted(name)
    assert before is not None and after is not None
    assert after["_type"] == before["_type"] and "a.txt" not in after.get("targets", {})


PATHS = [
    "a b.txt",
    "x y/a.txt",
    "\u00fc/\u00e9.txt",
    "\U0001f40d",
    "a+b",
    "a&b=c",
    "a,b;c",
    "a'b",
    "a~b",
    "a@b",
    "a(b)!*",
]
RESERVED = ["a?b", "a#b", "a%20b", "100%", "a%2Fb", "a:b", "x:/y", "a\\b", "a[b]", 'a"b<c>', "a|b^c`", "a\tb"]


def downloads(client: Client, repo: Repository, path: str) -> None:
    repo.add_target("targets", path, CONTENT)
    repo.publish("targets")

    assert client.download(path)
    assert client.downloaded() == [CONTENT]
    directory, slash, file = path.rpartition("/")
    assert repo.asked("targets") == [f"{directory}{slash}{digest('sha256', CONTENT)}.{file}"]
    assert all(raw.isascii() and " " not in raw for raw in repo.asked_raw("targets"))
    assert client.outside() == []


@pytest.mark.section("4.5, TARGETPATH; RFC 3986, 2.1: what is no URL character is percent-encoded")
@pytest.mark.parametrize("path", PATHS, ids=ascii)
def test_a_target_of_any_path(client: Client, repo: Repository, path: str) -> None:
    downloads(client, repo, path)


@pytest.mark.opinion(
    'TARGETPATH "aligns with" URL strings, in which these would have a meaning; a file may have the name'
)
@pytest.mark.parametrize("path", RESERVED, ids=ascii)
def test_a_target_with_reserved_characters(client: Client, repo: Repository, path: str) -> None:
    downloads(client, repo, path)


# The folder is one that is looked at, and the host one that hears.
LEADING_AWAY = ["../a.txt", "x/../../a.txt", "../../../../a.txt", "FOLDER/a.txt", "//HOST/a.txt", "http://HOST/a.txt"]


@pytest.fixture
def astray(client: Client, repo: Repository, server: Server, tmp_path: Path, path: str) -> bool:
    """Whether the client could download a target whose path leads away; that is for the client to say."""
    path = path.replace("FOLDER", str(tmp_path)).replace("HOST", f"127.0.0.1:{server.server_port}")
    repo.add_target("targets", path, CONTENT)
    repo.publish("targets")
    return bool(client.download(path))


@pytest.mark.section("5.7.3: the client MUST write the file as FILENAME.EXT")
@pytest.mark.parametrize("path", LEADING_AWAY)
def test_no_file_leaves_its_place(client: Client, astray: bool) -> None:
    assert client.downloaded() == [CONTENT] * astray
    assert client.outside() == []
    assert not any(client.metadata_dir.rglob("*a.txt"))


@pytest.mark.opinion("4.5 has a TARGETPATH relative to the base URL of targets, and does not say that it stays below")
@pytest.mark.parametrize("path", LEADING_AWAY)
def test_no_request_leaves_its_place(server: Server, astray: bool) -> None:
    assert server.strays == [], f"and the download succeeded: {astray}"


@pytest.mark.section("4.5: each key of TARGETS is a TARGETPATH")
@pytest.mark.parametrize("path", ["constructor", "__proto__", "toString", "hasOwnProperty", "length"])
def test_words_of_a_language_are_paths_like_others(client: Client, repo: Repository, path: str) -> None:
    repo.delegate("targets", "role", paths=["*"])
    repo.add_target("role", path, CONTENT)
    repo.publish("role", "targets")

    assert client.download(path)
    assert client.downloaded() == [CONTENT]


@pytest.mark.section("5.7.2: if there is no targets metadata about this target, report that")
@pytest.mark.parametrize(
    "path", ["constructor", "__proto__", "toString", "absent", "A.TXT", "a.txt/", "./a.txt", "x/../a.txt"]
)
def test_paths_that_no_role_lists_are_not_found(client: Client, repo: Repository, path: str) -> None:
    repo.add_target("targets", "a.txt", CONTENT)
    repo.publish("targets")

    assert not client.download(path)
    assert client.downloaded() == []
    assert repo.asked("targets") == []


@pytest.mark.section("5.7; CLIENT-CLI.md: targets are processed in order")
def test_targets_of_one_name_in_two_folders_are_two_files(client: Client, repo: Repository) -> None:
    for folder in ("x", "y"):
        repo.add_target("targets", f"{folder}/a.txt", folder.encode())
    repo.publish("targets")

    assert client.download("x/a.txt", "y/a.txt")
    assert sorted(client.downloaded()) == [b"x", b"y"]


@pytest.mark.section("4.5, TARGETPATH: paths are compared as they are")
def test_paths_that_look_alike_are_two_targets(client: Client, repo: Repository) -> None:
    repo.add_target("targets", "u\u0308.txt", b"decomposed")
    repo.publish("targets")

    assert not client.download("\u00fc.txt")
    assert client.download("u\u0308.txt")
