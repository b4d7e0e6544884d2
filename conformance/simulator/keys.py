"""Keys that sign: a KEY object, its identifier and a function."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from securesystemslib.formats import encode_canonical

ML_DSA = {44: mldsa.MLDSA44PrivateKey, 65: mldsa.MLDSA65PrivateKey, 87: mldsa.MLDSA87PrivateKey}


def canonical(value: object) -> bytes:
    """Canonical JSON: what is signed, and what key identifiers are the hash of."""
    return encode_canonical(value).encode()


@dataclass(frozen=True)
class Key:
    """A key pair. `sign` takes what is to be signed to the signature."""

    value: dict
    sign: Callable[[bytes], bytes] = field(repr=False)
    id: str = ""

    def __post_init__(self) -> None:
        if not self.id:
            object.__setattr__(self, "id", hashlib.sha256(canonical(self.value)).hexdigest())

    def under(self, identifier: str) -> "Key":
        """The same key by another identifier."""
        return replace(self, id=identifier)


def _key(keytype: str, scheme: str, public: str, sign: Callable[[bytes], bytes]) -> Key:
    return Key({"keytype": keytype, "scheme": scheme, "keyval": {"public": public}}, sign)


def pem(public) -> str:
    """A public key as metadata carries it for most key types."""
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def ed25519_key() -> Key:
    private = ed25519.Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
    return _key("ed25519", "ed25519", public, private.sign)


def ecdsa_key(bits: int = 256) -> Key:
    curve, digest = {256: (ec.SECP256R1(), SHA256()), 384: (ec.SECP384R1(), SHA384())}[bits]
    private = ec.generate_private_key(curve)
    public = pem(private.public_key())
    return _key("ecdsa", f"ecdsa-sha2-nistp{bits}", public, lambda message: private.sign(message, ec.ECDSA(digest)))


@cache
def rsa_key(bits: int = 2048) -> Key:
    """One key of each length for the whole run: they take long to make."""
    private = rsa.generate_private_key(65537, bits)
    form = padding.PSS(padding.MGF1(SHA256()), padding.PSS.DIGEST_LENGTH)
    public = pem(private.public_key())
    return _key("rsa", "rsassa-pss-sha256", public, lambda message: private.sign(message, form, SHA256()))


def tap_21_form(message: bytes, version: int = 1) -> bytes:
    """What an ML-DSA key signs in place of the message (TAP 21)."""
    return b"tuf" + bytes([version]) + hashlib.sha512(message).digest()


def ml_dsa_key(parameter_set: int, form: Callable[[bytes], bytes] = tap_21_form, context: bytes | None = None) -> Key:
    """An ML-DSA key, or with another form or context, one that signs as TAP 21 forbids."""
    private = ML_DSA[parameter_set].generate()
    public = pem(private.public_key())
    return _key("ml-dsa", f"ml-dsa-{parameter_set}/1", public, lambda message: private.sign(form(message), context))


def unknown_key() -> Key:
    """A key of a scheme that nobody has. It signs nothing of worth."""
    return _key("future", "future-scheme/9", "no known encoding", lambda _message: bytes(64))
