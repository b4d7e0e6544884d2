"""The members of metadata: versions, dates and what else has a said form."""

from datetime import datetime, timedelta, timezone

import pytest

from simulator.client import Client
from simulator.repository import Repository, date, envelope, to_json

NOT_VERSIONS = [0, -1, "2", None, [2], True]
LATER = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=30)


@pytest.mark.section("4.3, VERSION: an integer that is greater than 0")
@pytest.mark.parametrize("version", NOT_VERSIONS, ids=repr)
@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_versions_are_positive_integers(client: Client, repo: Repository, role: str, version: object) -> None:
    repo.roles[role]["version"] = version
    repo.write(role)
    if role == "targets":
        repo.roles["snapshot"]["meta"]["targets.json"]["version"] = version
        repo.publish()
        repo.files["1.targets.json"] = repo.files[repo.file_name("targets")]
    elif role == "snapshot":
        repo.roles["timestamp"]["meta"]["snapshot.json"]["version"] = version
        repo.publish_timestamp()
        repo.files["1.snapshot.json"] = repo.files[repo.file_name("snapshot")]

    assert not client.refresh()
    assert client.version(role) is None


@pytest.mark.section("4.4, METAFILES, VERSION: an integer version number as shown in the metadata file")
@pytest.mark.parametrize("version", [*NOT_VERSIONS, 7], ids=repr)
@pytest.mark.parametrize("role", ["timestamp", "snapshot"])
def test_listed_versions_are_those_of_the_files(client: Client, repo: Repository, role: str, version: object) -> None:
    """The files exist under whatever name follows; their own versions are right."""
    listed = {"timestamp": "snapshot", "snapshot": "targets"}[role]
    repo.roles[role]["meta"][f"{listed}.json"]["version"] = version
    repo.files[f"{version}.{listed}.json"] = repo.files[f"1.{listed}.json"]
    if role == "snapshot":
        repo.publish()
    else:
        repo.publish_timestamp()

    assert not client.refresh()
    assert client.version(listed) is None


@pytest.mark.opinion("an integer has no said limit; JSON's own advice (RFC 8259, 6) is to stay below 2^53")
@pytest.mark.parametrize(
    "version", [2**31, 2**32, 2**53 - 1, 2**53 + 1, 2**63 - 1], ids=lambda version: f"{version:#x}"
)
def test_large_versions(client: Client, repo: Repository, version: int) -> None:
    for role in ("timestamp", "snapshot", "targets"):
        repo.roles[role]["version"] = version - 1
    repo.publish("targets")

    assert client.refresh()
    assert client.version("timestamp") == version
    assert f"{version}.snapshot.json" in repo.asked()


@pytest.mark.section("5.4.3.1; 5.4.4")
@pytest.mark.parametrize("version", [2**53 + 1, 2**63, 2**64, 10**40], ids=lambda version: f"{version:#x}")
def test_large_versions_never_fall_back(client: Client, repo: Repository, version: int) -> None:
    """To refuse such versions is fine. To take one for another is not."""
    repo.roles["timestamp"]["version"] = version - 1
    repo.publish_timestamp()
    accepted = client.refresh()
    assert bool(accepted) == (client.version("timestamp") == version)
    if not accepted:
        return
    repo.roles["timestamp"]["version"] = version - 2
    repo.publish_timestamp()

    assert not client.refresh()
    assert client.version("timestamp") == version


BAD_DATES = {
    "no zone": LATER.strftime("%Y-%m-%dT%H:%M:%S"),
    "an offset": LATER.strftime("%Y-%m-%dT%H:%M:%S+00:00"),
    "a far offset": LATER.strftime("%Y-%m-%dT%H:%M:%S-12:00"),
    "a fraction": LATER.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
    "a space": LATER.strftime("%Y-%m-%d %H:%M:%SZ"),
    "lower case": LATER.strftime("%Y-%m-%dt%H:%M:%Sz"),
    "a day alone": LATER.strftime("%Y-%m-%d"),
    "words": LATER.strftime("%a, %d %b %Y %H:%M:%S GMT"),
    "digits": LATER.strftime("%Y%m%dT%H%M%SZ"),
    "spaces around": LATER.strftime(" %Y-%m-%dT%H:%M:%SZ "),
    "February 30": f"{LATER.year + 1}-02-30T00:00:00Z",
    "month 13": f"{LATER.year + 1}-13-01T00:00:00Z",
    "hour 25": f"{LATER.year + 1}-01-01T25:00:00Z",
    "two digits": LATER.strftime("%y-%m-%dT%H:%M:%SZ"),
}


@pytest.mark.section("4.2.3: the expected format is YYYY-MM-DDTHH:MM:SSZ")
@pytest.mark.parametrize("form", BAD_DATES)
def test_dates_in_other_forms_are_refused(client: Client, repo: Repository, form: str) -> None:
    repo.roles["timestamp"]["expires"] = BAD_DATES[form]
    repo.publish_timestamp()

    assert not client.refresh()
    assert client.version("timestamp") is None


@pytest.mark.section("4.3, EXPIRES: a date-time string")
@pytest.mark.parametrize("expires", [None, 4102444800, True, "", "never", {}], ids=repr)
def test_what_is_no_date_is_refused(client: Client, repo: Repository, expires: object) -> None:
    repo.roles["timestamp"]["expires"] = expires
    repo.publish_timestamp()

    assert not client.refresh()


@pytest.mark.section("4.2.3")
@pytest.mark.parametrize("expires", ["9999-12-31T23:59:59Z", "2400-02-29T00:00:00Z", "2038-01-19T03:14:08Z"])
def test_dates_far_ahead(client: Client, repo: Repository, expires: str) -> None:
    for role in ("timestamp", "snapshot", "targets"):
        repo.roles[role]["expires"] = expires
    repo.publish("targets")

    assert client.refresh()


@pytest.mark.section("5.4.4; 5.5.6; 5.6.5")
@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
@pytest.mark.parametrize("expires", ["now", "an hour ago", "1970"])
def test_expired_metadata_is_refused(client: Client, repo: Repository, role: str, expires: str) -> None:
    dates = {"now": date(), "an hour ago": date(hours=-1), "1970": "1970-01-01T00:00:00Z"}
    repo.roles[role]["expires"] = dates[expires]
    if role == "timestamp":
        repo.publish_timestamp()
    else:
        repo.publish("targets")

    assert not client.refresh()


@pytest.mark.section("4.3, SPEC_VERSION: clients MUST verify that it matches the expected version number")
@pytest.mark.parametrize("version", ["2.0.0", "0.9.0", "10.0.0", "", "one", None, 1], ids=repr)
@pytest.mark.parametrize("role", ["root", "timestamp"])
def test_another_specification_is_refused(client: Client, repo: Repository, role: str, version: object) -> None:
    repo.roles[role]["spec_version"] = version
    if role == "root":
        repo.publish_root()
    else:
        repo.publish_timestamp()

    assert not client.refresh()
    assert client.version("root") == 1


@pytest.mark.opinion("adopters are free to determine what is a match; within one major version there is no break")
@pytest.mark.parametrize("version", ["1.0.0", "1.0.99", "1.1.0", "1.99.99"])
def test_another_minor_version_of_the_specification(client: Client, repo: Repository, version: str) -> None:
    repo.roles["timestamp"]["spec_version"] = version
    repo.publish_timestamp()

    assert client.refresh()


@pytest.mark.section("4.3 to 4.6: the members of each role")
@pytest.mark.parametrize(
    ("role", "member"),
    [
        *[
            (role, member)
            for role in ("timestamp", "snapshot", "targets")
            for member in ("_type", "spec_version", "expires")
        ],
        ("timestamp", "version"),
        ("timestamp", "meta"),
        ("snapshot", "meta"),
        ("targets", "targets"),
        ("root", "keys"),
        ("root", "roles"),
        ("root", "version"),
        ("root", "expires"),
    ],
)
def test_every_member_is_needed(client: Client, repo: Repository, role: str, member: str) -> None:
    signed = {name: value for name, value in repo.roles[role].items() if name != member}
    if role == "root" and member != "version":
        # The next root, that is: nothing but the missing member speaks against it.
        signed["version"] = 2
    content = to_json(envelope(signed, repo.keys[role]))
    if role == "root":
        repo.files["2.root.json"] = content
    else:
        repo.write(role, content)

    assert not client.refresh()
    assert client.version("root") == 1
    assert role == "root" or client.trusted(role) is None


@pytest.mark.section("4.3, ROLE: a role for each of root, snapshot, timestamp, and targets MUST be specified")
@pytest.mark.parametrize("missing", ["root", "snapshot", "timestamp", "targets"])
def test_every_top_level_role_is_needed(client: Client, repo: Repository, missing: str) -> None:
    del repo.roles["root"]["roles"][missing]
    repo.publish_root()

    assert not client.refresh()
    assert client.version("root") == 1


@pytest.mark.section("4.3, ROLE: the role of mirror is OPTIONAL")
def test_a_mirrors_role_does_no_harm(client: Client, repo: Repository) -> None:
    repo.roles["root"]["roles"]["mirrors"] = dict(repo.roles["root"]["roles"]["targets"])
    repo.publish_root()

    assert client.refresh()
    assert client.version("root") == 2


@pytest.mark.section("4.6: METAFILES MUST only include a description of the snapshot.json file")
def test_a_timestamp_without_a_snapshot_is_refused(client: Client, repo: Repository) -> None:
    repo.roles["timestamp"]["meta"] = {}
    repo.publish_timestamp()

    assert not client.refresh()


@pytest.mark.section("4.5, HASHES: one or more hashes")
def test_a_target_without_hashes_is_not_trusted(client: Client, repo: Repository) -> None:
    repo.add_target("targets", "a.txt", b"content")["hashes"] = {}
    repo.publish("targets")

    assert not client.download("a.txt")
    assert client.downloaded() == []


@pytest.mark.section("4.5, LENGTH: an integer length in bytes")
@pytest.mark.parametrize("length", [-1, "7", None], ids=repr)
def test_lengths_are_integers(client: Client, repo: Repository, length: object) -> None:
    repo.add_target("targets", "a.txt", b"content")["length"] = length
    repo.publish("targets")

    assert not client.download("a.txt")
    assert client.downloaded() == []
