"""Generates a TUF repository with python-tuf's Metadata API.

    generate_repository.py DIRECTORY explicit|succinct

DIRECTORY/metadata and DIRECTORY/targets are what a web server would have; DIRECTORY/expected.json says which target
is found in which role, and which paths are not to be found. Every signature scheme is used, targets are three
delegations deep in hashed bins, and the root is rotated once.
"""

import hashlib
import json
import sys
from datetime import datetime, timezone
from pathlib import Path

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    SuccinctRoles,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer

EXPIRES = datetime(2026, 6, 1, tzinfo=timezone.utc)
PREFIX_LENGTH = 1
BIT_LENGTH = 5

directory, bins_style = Path(sys.argv[1]), sys.argv[2]
(directory / "metadata").mkdir(parents=True)

ed25519 = [CryptoSigner.generate_ed25519() for _ in range(4)]
p256 = [CryptoSigner.generate_ecdsa(scheme="ecdsa-sha2-nistp256") for _ in range(2)]
p384 = [CryptoSigner.generate_ecdsa(scheme="ecdsa-sha2-nistp384") for _ in range(2)]
rsa = [CryptoSigner.generate_rsa(scheme="rsassa-pss-sha256") for _ in range(2)]


def publish(name: str, metadata: Metadata, signers: list) -> bytes:
    metadata.signatures.clear()
    for signer in signers:
        metadata.sign(signer, append=True)
    # Pretty-printed for some roles, compact for others: what is signed does not depend on it.
    data = metadata.to_bytes(JSONSerializer(compact=len(name) % 2 == 0))
    file = f"{name}.json" if name == "timestamp" else f"{metadata.signed.version}.{name}.json"
    (directory / "metadata" / file).write_bytes(data)
    return data


def meta_file(metadata: Metadata, data: bytes) -> MetaFile:
    return MetaFile(metadata.signed.version, len(data), {"sha256": hashlib.sha256(data).hexdigest()})


def store(path: str, content: bytes, hashes: list) -> TargetFile:
    target = TargetFile.from_data(path, content, hashes)
    target.unrecognized_fields["custom"] = {"note": "caf\u00e9 \u2713"}
    folder, _, name = path.rpartition("/")
    for digest in target.hashes.values():
        file = directory / "targets" / folder / f"{digest}.{name}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return target


root = Root(expires=EXPIRES, consistent_snapshot=True)
root_signers = [ed25519[0], p256[0], p384[0], rsa[0]]
for signer in root_signers:
    root.add_key(signer.public_key, "root")
root.roles["root"].threshold = 3
role_signers = {"timestamp": [rsa[1]], "snapshot": [p384[1]], "targets": [p256[1], ed25519[1]]}
for role, signers in role_signers.items():
    for signer in signers:
        root.add_key(signer.public_key, role)
    root.roles[role].threshold = len(signers)
publish("root", Metadata(root), root_signers[:3])
# Version 2: one key less, unknown fields; signed by three keys that both versions list.
root.version = 2
root.revoke_key(ed25519[0].public_key.keyid, "root")
root.unrecognized_fields["x-note"] = {"text": "\u00fcber \"all\" \\ \n", "list": [None, True, -1]}
publish("root", Metadata(root), root_signers[1:])

targets = Metadata(Targets(expires=EXPIRES))
teams = Metadata(Targets(expires=EXPIRES))
hashed = Metadata(Targets(expires=EXPIRES))
published = {}
expected = {}

# targets -> team (paths) -> hashed (paths) -> bins (hash prefixes)
for delegator, name, signer in [(targets, "team", ed25519[2]), (teams, "hashed", rsa[1])]:
    role = DelegatedRole(name, [], 1, False, ["simple/*/*", "files/*/*"])
    delegator.signed.delegations = Delegations({}, {name: role})
    delegator.signed.add_key(signer.public_key, name)

bin_signer = ed25519[3]
bins = {}
if bins_style == "succinct":
    succinct = SuccinctRoles([], 1, BIT_LENGTH, "bin")
    hashed.signed.delegations = Delegations({}, succinct_roles=succinct)
    hashed.signed.add_key(bin_signer.public_key)
    names = list(succinct.get_roles())

    def bin_of(path: str) -> str:
        return succinct.get_role_for_target(path)
else:
    digits = "0123456789abcdef"
    names = [f"bin-{digits[start]}-{digits[start + 3]}" for start in range(0, 16, 4)]
    roles = {}
    for number, name in enumerate(names):
        prefixes = list(digits[4 * number : 4 * number + 4])
        roles[name] = DelegatedRole(name, [], 1, False, None, prefixes)
    hashed.signed.delegations = Delegations({}, roles)
    for name in names:
        hashed.signed.add_key(bin_signer.public_key, name)

    def bin_of(path: str) -> str:
        return names[int(hashlib.sha256(path.encode()).hexdigest()[0], 16) // 4]


for name in names:
    bins[name] = Metadata(Targets(expires=EXPIRES))

hash_choices = [["sha256"], ["sha512"], ["sha256", "sha512"], ["sha256", "blake2b-256"], ["sha384"]]
for number in range(60):
    kind = "simple" if number % 2 else "files"
    path = f"{kind}/project{number}/file {number}.json" if number % 7 else f"{kind}/caf\u00e9{number}/\u2713.whl"
    name = bin_of(path)
    bins[name].signed.targets[path] = store(path, f"content {number}".encode(), hash_choices[number % 5])
    expected[path] = {"role": name, "content": f"content {number}"}

targets.signed.targets["top.txt"] = store("top.txt", b"top", ["sha256"])
expected["top.txt"] = {"role": "targets", "content": "top"}
teams.signed.targets["simple/team/x"] = store("simple/team/x", b"team", ["sha256"])
expected["simple/team/x"] = {"role": "team", "content": "team"}
# Listed by a role that is not trusted with it, so not to be found.
teams.signed.targets["other/x"] = store("other/x", b"stray", ["sha256"])
absent = ["other/x", "simple/none/index.json", "top", "simple/deeper/than/that"]

snapshot = Metadata(Snapshot(expires=EXPIRES))
signed_by = {"targets": role_signers["targets"], "team": [ed25519[2]], "hashed": [rsa[1]]}
everything = {"targets": targets, "team": teams, "hashed": hashed, **bins}
for name, metadata in everything.items():
    data = publish(name, metadata, signed_by.get(name, [bin_signer]))
    snapshot.signed.meta[f"{name}.json"] = meta_file(metadata, data)
data = publish("snapshot", snapshot, role_signers["snapshot"])
timestamp = Metadata(Timestamp(expires=EXPIRES, snapshot_meta=meta_file(snapshot, data)))
publish("timestamp", timestamp, role_signers["timestamp"])

(directory / "expected.json").write_text(json.dumps({"found": expected, "absent": absent}))
