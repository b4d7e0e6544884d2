"""A repository in memory. Roles are plain dictionaries: what JSON can say, a test can publish."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from simulator.keys import Key, canonical, ed25519_key

TOP_LEVEL = ("root", "timestamp", "snapshot", "targets")


def date(**ahead: float) -> str:
    """A date-time so far ahead of now, or behind it, in the form of the specification's 4.2.3."""
    return (datetime.now(timezone.utc) + timedelta(**ahead)).strftime("%Y-%m-%dT%H:%M:%SZ")


def digest(algorithm: str, content: bytes) -> str:
    """A hex digest by the name that metadata uses."""
    if algorithm == "blake2b-256":
        return hashlib.blake2b(content, digest_size=32).hexdigest()
    return hashlib.new(algorithm, content).hexdigest()


def path_digest(path: str) -> str:
    """The HEX_DIGEST of a target path (4.5)."""
    return hashlib.sha256(path.encode()).hexdigest()


def envelope(signed: dict, keys: list[Key]) -> dict:
    """Metadata in the form of 4.2.1."""
    message = canonical(signed)
    return {"signatures": [{"keyid": key.id, "sig": key.sign(message).hex()} for key in keys], "signed": signed}


def to_json(value: object) -> bytes:
    """JSON, not canonical: clients verify what they parse."""
    return json.dumps(value).encode()


@dataclass
class Request:
    """A request that the client made."""

    kind: str
    """`metadata` or `targets`"""
    raw: str
    """The path as it came, below the base URL."""
    name: str
    """The same, percent-decoded."""
    headers: dict[str, str]
    sent: int = 0
    """Bytes of the body that the client took."""


@dataclass
class Response:
    """An answer that is not simply the file."""

    body: bytes | Iterator[bytes]
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Repository:
    """A repository whose state is published step by step, as `publish` is called."""

    def __init__(self) -> None:
        self.roles: dict[str, dict] = {}
        self.keys: dict[str, list[Key]] = {}
        self.files: dict[str, bytes] = {}
        """Metadata files by name, percent-decoded."""
        self.target_files: dict[str, bytes] = {}
        """Target files by name, percent-decoded, hash prefix included."""
        self.requests: list[Request] = []
        self.answer: Callable[[Request, bytes | None], Response | None] = lambda _request, _content: None
        """A test's way to answer otherwise than with the file; `None` leaves the request to the repository."""
        self.list_lengths = False
        self.list_hashes: tuple[str, ...] = ()

        common = {"spec_version": "1.0.34", "version": 0, "expires": date(days=30)}
        self.roles["root"] = {"_type": "root", **common, "consistent_snapshot": True, "keys": {}, "roles": {}}
        self.roles["timestamp"] = {"_type": "timestamp", **common, "meta": {}}
        self.roles["snapshot"] = {"_type": "snapshot", **common, "meta": {}}
        self.new_targets("targets")
        for role in TOP_LEVEL:
            self.set_keys(role, ed25519_key())
        self.publish_root()
        self.publish("targets")

    def new_targets(self, role: str) -> None:
        """A targets role without targets, not yet published."""
        self.roles[role] = {
            "_type": "targets",
            "spec_version": "1.0.34",
            "version": 0,
            "expires": date(days=30),
            "targets": {},
        }

    def set_keys(self, role: str, *keys: Key, threshold: int = 1) -> None:
        """Replaces a top-level role's keys, from the next root on."""
        root = self.roles["root"]
        root["roles"][role] = {"keyids": [key.id for key in keys], "threshold": threshold}
        root["keys"].update({key.id: key.value for key in keys})
        named = {identifier for entry in root["roles"].values() for identifier in entry["keyids"]}
        root["keys"] = {identifier: value for identifier, value in root["keys"].items() if identifier in named}
        self.keys[role] = list(keys)

    def delegate(
        self, delegator: str, role: str, *keys: Key, threshold: int = 1, terminating: bool = False, **paths: list[str]
    ) -> None:
        """Delegates to a new role, or again to one; `paths` or `path_hash_prefixes` are given by name."""
        delegations = self.roles[delegator].setdefault("delegations", {"keys": {}, "roles": []})
        keys = keys or tuple(self.keys.get(role, ())) or (ed25519_key(),)
        delegations["keys"].update({key.id: key.value for key in keys})
        delegations["roles"].append(
            {
                "name": role,
                "keyids": [key.id for key in keys],
                "threshold": threshold,
                "terminating": terminating,
                **paths,
            }
        )
        self.keys[role] = list(keys)
        if role not in self.roles:
            self.new_targets(role)

    def delegate_bins(self, delegator: str, bit_length: int, prefix: str = "bin", **members: object) -> Key:
        """Delegates to succinct bins (TAP 15). Bins come into being with `bin`."""
        key = ed25519_key()
        bins = {"keyids": [key.id], "threshold": 1, "bit_length": bit_length, "name_prefix": prefix, **members}
        self.roles[delegator]["delegations"] = {"keys": {key.id: key.value}, "succinct_roles": bins}
        return key

    def bin(self, delegator: str, key: Key, path: str) -> str:
        """The bin that a target path belongs in, by TAP 15's arithmetic; it is made if there is none yet."""
        bins = self.roles[delegator]["delegations"]["succinct_roles"]
        number = int(path_digest(path), 16) >> (256 - bins["bit_length"])
        digits = -(-bins["bit_length"] // 4)
        name = f"{bins['name_prefix']}-{number:0{digits}x}"
        if name not in self.roles:
            self.new_targets(name)
            self.keys[name] = [key]
        return name

    def add_target(self, role: str, path: str, content: bytes, hashes: tuple[str, ...] = ("sha256",)) -> dict:
        """Lists a target and offers its file under every name that a client may ask for. Gives the TARGETS entry."""
        listed = {algorithm: digest(algorithm, content) for algorithm in hashes}
        entry = {"length": len(content), "hashes": listed}
        self.roles[role]["targets"][path] = entry
        directory, slash, file = path.rpartition("/")
        for value in listed.values():
            self.target_files[f"{directory}{slash}{value}.{file}"] = content
        self.target_files[path] = content
        return entry

    def publish_root(self) -> None:
        """Publishes the next root, signed by its keys and by those of the one before."""
        root = self.roles["root"]
        before = self._trusted_root_keys if root["version"] else []
        root["version"] += 1
        keys = {key.id: key for key in [*self.keys["root"], *before]}
        self.files[f"{root['version']}.root.json"] = to_json(envelope(root, list(keys.values())))
        self._trusted_root_keys = list(self.keys["root"])

    def publish(self, *roles: str) -> None:
        """Publishes the next versions of these targets roles, then of the snapshot and the timestamp."""
        for role in roles:
            self.roles[role]["version"] += 1
            self.write(role)
            self.list_in_snapshot(role)
        self.roles["snapshot"]["version"] += 1
        self.publish_as_is()

    def publish_as_is(self) -> None:
        """Publishes the snapshot as it stands, and the next timestamp."""
        self.write("snapshot")
        self.roles["timestamp"]["meta"] = {"snapshot.json": self._description("snapshot")}
        self.publish_timestamp()

    def publish_timestamp(self) -> None:
        """Publishes the next timestamp with what it says now."""
        self.roles["timestamp"]["version"] += 1
        self.write("timestamp")

    def write(self, role: str, content: bytes | None = None) -> None:
        """Writes a role's file: signed as it stands, or these bytes."""
        if content is None:
            content = to_json(envelope(self.roles[role], self.keys[role]))
        self.files[self.file_name(role)] = content

    def list_in_snapshot(self, role: str) -> None:
        """Has the snapshot say what is true of the role's file."""
        self.roles["snapshot"]["meta"][f"{role}.json"] = self._description(role)

    def rewrite(self, role: str, change: Callable[[bytes], bytes]) -> None:
        """Changes the bytes of a role's file as published."""
        self.files[self.file_name(role)] = change(self.files[self.file_name(role)])

    def file_name(self, role: str) -> str:
        """The name of the role's file at its version (6.2.1), percent-decoded."""
        versioned = role == "root" or (role != "timestamp" and self.roles["root"].get("consistent_snapshot"))
        return f"{self.roles[role]['version']}.{role}.json" if versioned else f"{role}.json"

    def asked(self, kind: str = "metadata") -> list[str]:
        """The names of the files that were asked for, in order."""
        return [request.name for request in self.requests if request.kind == kind]

    def asked_raw(self, kind: str) -> list[str]:
        """The same as they came, percent-encoded."""
        return [request.raw for request in self.requests if request.kind == kind]

    def _description(self, role: str) -> dict:
        content = self.files[self.file_name(role)]
        description: dict = {"version": self.roles[role]["version"]}
        if self.list_lengths:
            description["length"] = len(content)
        if self.list_hashes:
            description["hashes"] = {algorithm: digest(algorithm, content) for algorithm in self.list_hashes}
        return description
