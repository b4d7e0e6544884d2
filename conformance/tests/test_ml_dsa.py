"""ML-DSA signatures, as TAP 21 has them: over `tuf`, the form's version and the SHA-512 of the canonical metadata."""

import hashlib
from collections.abc import Callable

import pytest

from simulator.client import Client
from simulator.keys import Key, ed25519_key, ml_dsa_key, tap_21_form
from simulator.repository import Repository, envelope, to_json

pytestmark = [pytest.mark.section("TAP 21"), pytest.mark.feature("ml-dsa")]

SETS = (44, 65, 87)


def sign_timestamp_with(repo: Repository, *keys: Key, threshold: int = 1, signers: list[Key] | None = None) -> None:
    """Hands the timestamp to these keys and publishes it, signed by all of them or by other signers."""
    repo.set_keys("timestamp", *keys, threshold=threshold)
    repo.publish_root()
    repo.keys["timestamp"] = list(keys) if signers is None else signers
    repo.publish_timestamp()


def change_signature(repo: Repository, change: Callable[[str], str]) -> None:
    """Changes the one signature of the timestamp."""
    document = envelope(repo.roles["timestamp"], repo.keys["timestamp"])
    document["signatures"][0]["sig"] = change(document["signatures"][0]["sig"])
    repo.write("timestamp", to_json(document))


@pytest.mark.probe
@pytest.mark.parametrize("parameter_set", SETS)
def test_every_top_level_role(client: Client, repo: Repository, parameter_set: int) -> None:
    for role in ("root", "timestamp", "snapshot", "targets"):
        repo.set_keys(role, ml_dsa_key(parameter_set))
    repo.publish_root()
    repo.publish_root()
    repo.add_target("targets", "a.txt", b"content")
    repo.publish("targets")

    assert client.download("a.txt")
    assert client.version("root") == 3
    assert client.version("timestamp") == 2


@pytest.mark.parametrize("parameter_set", SETS)
def test_a_delegated_role(client: Client, repo: Repository, parameter_set: int) -> None:
    repo.delegate("targets", "role", ml_dsa_key(parameter_set), paths=["*"])
    repo.add_target("role", "a.txt", b"content")
    repo.publish("role", "targets")

    assert client.download("a.txt")


@pytest.mark.parametrize("signed_by", ["both", "old alone", "new alone"])
def test_a_threshold_of_old_and_new(client: Client, repo: Repository, signed_by: str) -> None:
    old, new = ed25519_key(), ml_dsa_key(65)
    signers = {"both": [old, new], "old alone": [old], "new alone": [new]}[signed_by]
    sign_timestamp_with(repo, old, new, threshold=2, signers=signers)

    assert bool(client.refresh()) == (signed_by == "both")
    assert client.version("timestamp") == (2 if signed_by == "both" else None)


def test_a_threshold_of_every_parameter_set(client: Client, repo: Repository) -> None:
    keys = [ml_dsa_key(parameter_set) for parameter_set in SETS]
    repo.set_keys("targets", *keys, threshold=3)
    repo.publish_root()
    repo.publish("targets")

    assert client.refresh()
    assert client.version("targets") == 2


@pytest.mark.section("5.4.2: each KEY MUST only contribute one SIGNATURE")
def test_a_key_under_two_identifiers_is_one_key(client: Client, repo: Repository) -> None:
    key = ml_dsa_key(44)
    sign_timestamp_with(repo, key, key.under("another identifier"), threshold=2)

    assert not client.refresh()
    assert client.version("timestamp") is None


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "the message itself": lambda message: message,
    "its hash": lambda message: hashlib.sha512(message).digest(),
    "no version": lambda message: b"tuf" + hashlib.sha512(message).digest(),
    "version 0": lambda message: tap_21_form(message, 0),
    "version 2": lambda message: tap_21_form(message, 2),
    "version as a digit": lambda message: b"tuf1" + hashlib.sha512(message).digest(),
    "another domain": lambda message: b"TUF\x01" + hashlib.sha512(message).digest(),
    "SHA-256": lambda message: b"tuf\x01" + hashlib.sha256(message).digest(),
    "the hash in hex": lambda message: b"tuf\x01" + hashlib.sha512(message).hexdigest().encode(),
    "the form of the form": lambda message: tap_21_form(tap_21_form(message)),
}


@pytest.mark.parametrize("form", FORMS)
def test_signatures_over_anything_else_are_refused(client: Client, repo: Repository, form: str) -> None:
    sign_timestamp_with(repo, ml_dsa_key(65, FORMS[form]))

    assert not client.refresh()
    assert client.version("timestamp") is None


@pytest.mark.section("TAP 21: pure ML-DSA MUST be used with an empty context")
@pytest.mark.parametrize("context", [b"tuf", b"\x01", b"tuf\x01"])
def test_signatures_with_a_context_are_refused(client: Client, repo: Repository, context: bytes) -> None:
    sign_timestamp_with(repo, ml_dsa_key(65, context=context))

    assert not client.refresh()


CHANGES: dict[str, Callable[[str], str]] = {
    "one byte short": lambda signature: signature[:-2],
    "half": lambda signature: signature[: len(signature) // 4 * 2],
    "nothing": lambda _signature: "",
    "one byte long": lambda signature: signature + "00",
    "first byte": lambda signature: f"{int(signature[:2], 16) ^ 1:02x}{signature[2:]}",
    "last byte": lambda signature: f"{signature[:-2]}{int(signature[-2:], 16) ^ 1:02x}",
    "zeros": lambda signature: "0" * len(signature),
}


@pytest.mark.parametrize("parameter_set", SETS)
@pytest.mark.parametrize("change", CHANGES)
def test_changed_signatures_are_refused(client: Client, repo: Repository, change: str, parameter_set: int) -> None:
    sign_timestamp_with(repo, ml_dsa_key(parameter_set))
    change_signature(repo, CHANGES[change])

    assert not client.refresh()
    assert client.version("timestamp") is None


@pytest.mark.parametrize(
    "scheme", ["ml-dsa-65/1", "ml-dsa-87/1", "ml-dsa-44/2", "ml-dsa-44/01", "ml-dsa-44", "ed25519"]
)
def test_a_key_goes_by_its_own_scheme_alone(client: Client, repo: Repository, scheme: str) -> None:
    """The key is of ML-DSA-44 and signs as such; trusted metadata says that it is another."""
    key = ml_dsa_key(44)
    sign_timestamp_with(repo, Key({**key.value, "scheme": scheme}, key.sign))

    assert not client.refresh()
    assert client.version("timestamp") is None


@pytest.mark.parametrize("keytype", ["ML-DSA", "ml-dsa-44", "ed25519"])
def test_the_key_type_is_ml_dsa(client: Client, repo: Repository, keytype: str) -> None:
    key = ml_dsa_key(44)
    sign_timestamp_with(repo, Key({**key.value, "keytype": keytype}, key.sign))

    assert not client.refresh()
