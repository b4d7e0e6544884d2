"""Keys and thresholds: what counts as one key, and which keys there are."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from simulator.client import Client
from simulator.keys import Key, ecdsa_key, ed25519_key, rsa_key, unknown_key
from simulator.repository import Repository, envelope, to_json

ONE_KEY = "5.3.4, 5.4.2, 5.5.3, 5.6.3: each KEY MUST only contribute one SIGNATURE"
MAKERS = {"ed25519": ed25519_key, "ecdsa": ecdsa_key, "rsa": rsa_key}


def with_public(key: Key, public: str) -> Key:
    """The same private key beside another text of its public one."""
    return Key({**key.value, "keyval": {"public": public}}, key.sign)


def compressed(key: Key) -> Key:
    """The same point of the curve in its short form."""
    public = load_pem_public_key(key.value["keyval"]["public"].encode())
    assert isinstance(public, ec.EllipticCurvePublicKey)
    point = public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    # SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING }
    der = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + point
    text = base64.encodebytes(der).decode()
    return with_public(key, f"-----BEGIN PUBLIC KEY-----\n{text}-----END PUBLIC KEY-----\n")


def wrapped(key: Key) -> Key:
    """The public key with one more SubjectPublicKeyInfo around it, which some libraries open."""
    der = load_pem_public_key(key.value["keyval"]["public"].encode()).public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    algorithm = der[2 : 4 + der[3]]
    bits = b"\x00" + der
    body = algorithm + b"\x03" + bytes([len(bits)]) + bits
    outer = b"\x30\x81" + bytes([len(body)]) + body
    text = base64.encodebytes(outer).decode()
    return with_public(key, f"-----BEGIN PUBLIC KEY-----\n{text}-----END PUBLIC KEY-----\n")


def two_names(role: str, client: Client, repo: Repository, first: Key, second: Key) -> None:
    """Lists a key twice for a role that needs two keys; it must not be trusted."""
    assert client.refresh()
    repo.set_keys(role, first, second, threshold=2)
    repo.publish_root()
    repo.publish("targets")

    assert not client.refresh()
    assert client.version(role) in (None, 1)


@pytest.mark.section(ONE_KEY)
@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
@pytest.mark.parametrize("kind", MAKERS)
def test_a_key_under_two_identifiers_counts_once(client: Client, repo: Repository, kind: str, role: str) -> None:
    key = MAKERS[kind]()
    two_names(role, client, repo, key, key.under("another identifier"))


@pytest.mark.section(ONE_KEY)
def test_a_key_with_another_label_counts_once(client: Client, repo: Repository) -> None:
    """Both identifiers are correct ones: a member that nobody knows makes them differ."""
    key = ed25519_key()
    two_names("timestamp", client, repo, key, Key({**key.value, "x-label": "another"}, key.sign))


WRITINGS = {
    "upper-case hex": (ed25519_key, lambda key: with_public(key, key.value["keyval"]["public"].upper())),
    "spaces around a PEM": (ecdsa_key, lambda key: with_public(key, f"\n{key.value['keyval']['public']}\n\n")),
    "a compressed point": (ecdsa_key, compressed),
    "a wrapped point": (ecdsa_key, wrapped),
}


@pytest.mark.section(ONE_KEY)
@pytest.mark.parametrize("writing", WRITINGS)
def test_a_key_in_another_writing_counts_once(client: Client, repo: Repository, writing: str) -> None:
    maker, write = WRITINGS[writing]
    key = maker()
    two_names("timestamp", client, repo, key, write(key))


@pytest.mark.section(ONE_KEY)
def test_a_root_key_under_two_identifiers_counts_once(client: Client, repo: Repository) -> None:
    key = ed25519_key()
    repo.set_keys("root", key, key.under("another identifier"), threshold=2)
    repo.publish_root()

    assert not client.refresh()
    assert client.version("root") == 1


@pytest.mark.section(ONE_KEY)
def test_a_delegated_key_under_two_identifiers_counts_once(client: Client, repo: Repository) -> None:
    key = ed25519_key()
    repo.delegate("targets", "role", key, key.under("another identifier"), threshold=2, paths=["*"])
    repo.add_target("role", "a.txt", b"content")
    repo.publish("role", "targets")

    assert not client.download("a.txt")


@pytest.mark.section('4.2.1: the keyid MUST be unique in the "signatures" array; 5.4.2: not more than one is counted')
def test_a_signature_given_twice_counts_once(client: Client, repo: Repository) -> None:
    keys = ed25519_key(), ed25519_key()
    repo.set_keys("timestamp", *keys, threshold=2)
    repo.publish_root()
    repo.roles["timestamp"]["version"] += 1
    repo.write("timestamp", to_json(envelope(repo.roles["timestamp"], [keys[0], keys[0]])))

    assert not client.refresh()
    assert client.version("timestamp") is None


@pytest.mark.section("5.4.2")
def test_keys_of_other_roles_do_not_count(client: Client, repo: Repository) -> None:
    repo.keys["timestamp"] = [*repo.keys["snapshot"], *repo.keys["targets"], *repo.keys["root"]]
    repo.publish_timestamp()

    assert not client.refresh()
    assert client.version("timestamp") is None


@pytest.mark.section("5.6.3: keys specified by the delegating role")
def test_a_key_that_only_another_role_delegates_to_does_not_count(client: Client, repo: Repository) -> None:
    repo.delegate("targets", "first", paths=["*"])
    repo.delegate("targets", "second", paths=["*"])
    repo.add_target("first", "a.txt", b"content")
    repo.keys["first"] = repo.keys["second"]
    repo.publish("first", "second", "targets")

    assert not client.download("a.txt")


@pytest.mark.opinion("TUF is not restricted to any particular schemes (4.2.2): one unknown key should lock nobody out")
@pytest.mark.parametrize("place", ["root", "delegations"])
def test_a_key_of_an_unknown_scheme_beside_others(client: Client, repo: Repository, place: str) -> None:
    if place == "root":
        repo.set_keys("timestamp", repo.keys["timestamp"][0], unknown_key())
        repo.publish_root()
    repo.delegate("targets", "role", ed25519_key(), *([unknown_key()] if place == "delegations" else []), paths=["*"])
    repo.add_target("role", "a.txt", b"content")
    repo.publish("role", "targets")

    assert client.download("a.txt")


@pytest.mark.section("5.4.2")
def test_a_key_of_an_unknown_scheme_verifies_nothing(client: Client, repo: Repository) -> None:
    repo.set_keys("timestamp", repo.keys["timestamp"][0], unknown_key(), threshold=2)
    repo.publish_root()
    repo.publish_timestamp()

    assert not client.refresh()
    assert client.version("timestamp") is None


@pytest.mark.section("4.2.2, rsassa-pss-sha256: all RSA keys MUST be at least 2048 bits")
@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_rsa_keys(client: Client, repo: Repository, bits: int) -> None:
    repo.set_keys("timestamp", rsa_key(bits))
    repo.publish_root()
    repo.publish_timestamp()

    assert client.refresh()


@pytest.mark.section("4.2.2, rsassa-pss-sha256: all RSA keys MUST be at least 2048 bits")
@pytest.mark.parametrize("bits", [1024, 2040])
def test_short_rsa_keys_verify_nothing(client: Client, repo: Repository, bits: int) -> None:
    repo.set_keys("timestamp", rsa_key(bits))
    repo.publish_root()
    repo.publish_timestamp()

    assert not client.refresh()
    assert client.version("timestamp") is None


@pytest.mark.opinion("not among the RECOMMENDED schemes of 4.2.2, and common all the same")
def test_ecdsa_on_p_384(client: Client, repo: Repository) -> None:
    repo.set_keys("timestamp", ecdsa_key(384))
    repo.publish_root()
    repo.publish_timestamp()

    assert client.refresh()


@pytest.mark.section("4.2.2: the scheme is the key's")
@pytest.mark.parametrize("bits", [256, 384])
def test_an_ecdsa_key_on_the_other_curve_verifies_nothing(client: Client, repo: Repository, bits: int) -> None:
    key = ecdsa_key(bits)
    repo.set_keys("timestamp", Key({**key.value, "scheme": f"ecdsa-sha2-nistp{640 - bits}"}, key.sign))
    repo.publish_root()
    repo.publish_timestamp()

    assert not client.refresh()


@pytest.mark.opinion(
    'against 4.3, "Clients MUST calculate each KEYID to verify this is correct for the associated key": TAP 12, '
    "accepted, overrules it, and every client in use takes identifiers as they stand"
)
def test_identifiers_need_not_be_digests(client: Client, repo: Repository) -> None:
    repo.set_keys("timestamp", ed25519_key().under("timestamp key of 2026"))
    repo.publish_root()
    repo.publish_timestamp()

    assert client.refresh()


@pytest.mark.section("4.3, THRESHOLD: a positive integer number of keys (>=1)")
@pytest.mark.parametrize("threshold", [0, -1, "1", None, True, [1]], ids=repr)
@pytest.mark.parametrize("place", ["root", "delegation"])
def test_thresholds_are_positive_integers(client: Client, repo: Repository, place: str, threshold: object) -> None:
    repo.delegate("targets", "role", paths=["*"])
    repo.add_target("role", "a.txt", b"content")
    if place == "root":
        repo.roles["root"]["roles"]["timestamp"]["threshold"] = threshold
        repo.publish_root()
    else:
        repo.roles["targets"]["delegations"]["roles"][0]["threshold"] = threshold
        repo.keys["role"] = [] if threshold in (0, -1) else repo.keys["role"]
    repo.publish("role", "targets")

    assert not client.download("a.txt")
    assert client.version("root") == 1
