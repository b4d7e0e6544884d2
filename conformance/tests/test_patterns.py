"""Delegations by `paths`: shell patterns, in which only the wildcards of a shell have a meaning."""

import pytest

from simulator.client import Client
from simulator.repository import Repository

pytestmark = pytest.mark.section("4.5, PATHPATTERN; glob(7)")


def matches(client: Client, repo: Repository, pattern: str, path: str) -> bool:
    """Whether a role with this pattern is asked about the path."""
    repo.delegate("targets", "role", paths=[pattern])
    repo.add_target("role", path, b"content")
    repo.add_target("targets", "top", b"top")
    repo.publish("role", "targets")
    client.download(path)
    assert client.download("top"), "to refuse the whole file is no answer"
    return "1.role.json" in repo.asked()


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*", "a"),
        ("?", "a"),
        ("?", "\u00fc"),
        ("?", "\U0001f40d"),
        ("a*", "a"),
        ("*a*b*", "xxaxxbxx"),
        ("*/*", "x/a"),
        ("x/?/a", "x/y/a"),
        ("[ab]", "b"),
        ("[a-c]x", "bx"),
        ("[!a]", "b"),
        ("a b", "a b"),
    ],
)
def test_patterns_that_match(client: Client, repo: Repository, pattern: str, path: str) -> None:
    assert matches(client, repo, pattern, path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*", "x/a"),
        ("?", "ab"),
        ("x?a", "x/a"),
        ("x/*", "x/y/a"),
        ("*/a", "x/y/a"),
        ("a", "A"),
        ("a", "a "),
        ("a", "xa"),
        ("[!a]", "a"),
        ("[a-c]", "d"),
        ("x[/]a", "x/a"),
        ("", "a"),
    ],
)
def test_patterns_that_do_not_match(client: Client, repo: Repository, pattern: str, path: str) -> None:
    assert not matches(client, repo, pattern, path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("{a,b}", "a"),
        ("{a,b}", "b"),
        ("x{1..3}", "x2"),
        ("!a", "b"),
        ("!a", "anything"),
        ("!(a)", "b"),
        ("+(a)", "aa"),
        ("@(a|b)", "a"),
        ("**", "x/a"),
        ("**/a", "x/y/a"),
        ("x/**", "x/y/a"),
    ],
)
def test_what_other_languages_have_for_wildcards_is_none(
    client: Client, repo: Repository, pattern: str, path: str
) -> None:
    """A role that is trusted with more than its delegator wrote is a hole; each of these once was one somewhere."""
    assert not matches(client, repo, pattern, path)


@pytest.mark.parametrize("path", ["{a,b}", "!a", "!(a)", "+(a)", "#a", "a{1..3}", "(a|b)", "a.b", "$a", "^a", "~a"])
def test_characters_that_are_no_wildcards_match_themselves(client: Client, repo: Repository, path: str) -> None:
    assert matches(client, repo, path, path)


@pytest.mark.opinion("glob(7) has a leading dot matched by itself alone, fnmatch(3) does not; the examples do not say")
@pytest.mark.parametrize(("pattern", "path"), [("*", ".a"), ("?a", ".a"), ("x/*", "x/.a")])
def test_wildcards_match_a_leading_dot(client: Client, repo: Repository, pattern: str, path: str) -> None:
    assert matches(client, repo, pattern, path)


@pytest.mark.section("4.5: one of the trusted paths of all roles in a delegation chain")
def test_every_role_of_a_chain_has_to_be_trusted(client: Client, repo: Repository) -> None:
    repo.delegate("targets", "outer", paths=["x/*"])
    repo.delegate("outer", "inner", paths=["*/*"])
    repo.add_target("inner", "y/a", b"content")
    repo.publish("inner", "outer", "targets")

    assert not client.download("y/a")


@pytest.mark.section("4.5")
def test_no_patterns_match_nothing(client: Client, repo: Repository) -> None:
    repo.delegate("targets", "role", paths=[])
    repo.add_target("role", "a", b"content")
    repo.publish("role", "targets")

    assert not client.download("a")
    assert "1.role.json" not in repo.asked()
