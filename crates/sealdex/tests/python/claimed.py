"""Signs an index with python-tuf, in the roles of PEP 480.

    claimed.py DIRECTORY VERSION SCENARIO

DIRECTORY/pages/PROJECT.json are its pages, DIRECTORY/files/PROJECT/* its files. Written are DIRECTORY/metadata and
DIRECTORY/targets, all metadata but root as VERSION; printed are the key ids by name. `alpha` is claimed, `gamma` is
recently claimed, all others are in online bins. Scenarios:

honest        `alpha` is signed by dev-1
rotated       by dev-2 alone
lost          by nobody: the administrators have put `alpha` back into the bins
two           by dev-1 and dev-2, both of whom must
mislabelled   the administrators' key names the attacker's key as dev-1's, and the attacker signs
"""

import hashlib
import json
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner, SSlibKey
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

directory, version, scenario = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
expires = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=30)
(directory / "metadata").mkdir(exist_ok=True)


def signer(name: str) -> CryptoSigner:
    return CryptoSigner(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest()))


def publish(name: str, metadata: Metadata, signers: list) -> None:
    metadata.signatures.clear()
    for own in signers:
        metadata.sign(own, append=True)
    file = "timestamp.json" if name == "timestamp" else f"{metadata.signed.version}.{name}.json"
    metadata.to_file(str(directory / "metadata" / file))


def targets_role() -> Metadata:
    return Metadata(Targets(version=version, expires=expires))


def delegate(delegator: Metadata, name: str, paths: list, keys: list, terminating: bool = False) -> None:
    role = DelegatedRole(name, [], max(len(keys), 1), terminating, paths)
    if delegator.signed.delegations is None:
        delegator.signed.delegations = Delegations({}, {})
    delegator.signed.delegations.roles[name] = role
    for key in keys:
        delegator.signed.add_key(key, name)


def seal(role: Metadata, project: str) -> None:
    sealed = {f"simple/{project}/index.json": directory / "pages" / f"{project}.json"}
    for file in (directory / "files" / project).iterdir():
        sealed[f"files/{project}/{file.name}"] = file
    for path, file in sealed.items():
        content = file.read_bytes()
        role.signed.targets[path] = TargetFile.from_data(path, content, ["sha256"])
        digest = hashlib.sha256(content).hexdigest()
        copy = directory / "targets" / Path(path).parent / f"{digest}.{Path(path).name}"
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(content)


names = ["root", "targets", "online", "bins", "claimed", "dev-1", "dev-2", "gamma", "attacker"]
keys = {name: signer(name) for name in names}
public = {name: own.public_key for name, own in keys.items()}

if not (directory / "metadata/1.root.json").exists():
    root = Root(expires=expires, consistent_snapshot=True)
    for role, name in {"root": "root", "targets": "targets", "snapshot": "online", "timestamp": "online"}.items():
        root.add_key(public[name], role)
    publish("root", Metadata(root), [keys["root"]])

roles = {name: targets_role() for name in ["targets", "claimed", "recently-claimed", "index", "gamma"]}
signers = {"targets": [keys["targets"]], "claimed": [keys["claimed"]], "gamma": [keys["gamma"]]}
signers |= {"recently-claimed": [keys["online"]], "index": [keys["online"]]}
everything = ["simple/*/*", "files/*/*"]
for name in ["claimed", "recently-claimed", "index"]:
    delegate(roles["targets"], name, everything, [own.public_key for own in signers[name]])

own_paths = {name: [f"simple/{name}/*", f"files/{name}/*"] for name in ["alpha", "gamma"]}
signers["alpha"], roles["alpha"] = [keys["dev-1"]], targets_role()
developers = {"honest": ["dev-1"], "rotated": ["dev-2"], "two": ["dev-1", "dev-2"], "mislabelled": ["attacker"]}
if scenario != "lost":
    signers["alpha"] = [keys[name] for name in developers[scenario]]
    listed = [own.public_key for own in signers["alpha"]]
    if scenario == "mislabelled":
        # A key id is what who delegates says it is (TAP 12).
        theirs, own = public["attacker"], public["dev-1"]
        listed = [SSlibKey(own.keyid, theirs.keytype, theirs.scheme, theirs.keyval)]
        signers["alpha"] = [CryptoSigner(keys["attacker"]._private_key, listed[0])]
    delegate(roles["claimed"], "alpha", own_paths["alpha"], listed, terminating=True)
delegate(roles["recently-claimed"], "gamma", own_paths["gamma"], [public["gamma"]], terminating=True)

bins = SuccinctRoles([], 1, 2, "bin")
roles["index"].signed.delegations = Delegations({}, succinct_roles=bins)
roles["index"].signed.add_key(public["bins"])
for name in bins.get_roles():
    roles[name], signers[name] = targets_role(), [keys["bins"]]
for page in sorted((directory / "pages").iterdir()):
    project = page.stem
    if project in roles and (project, scenario) != ("alpha", "lost"):
        seal(roles[project], project)
    else:
        all_of_it = targets_role()
        seal(all_of_it, project)
        for path, target in all_of_it.signed.targets.items():
            roles[bins.get_role_for_target(path)].signed.targets[path] = target

snapshot = Metadata(Snapshot(version=version, expires=expires))
for name, metadata in roles.items():
    publish(name, metadata, signers[name])
    snapshot.signed.meta[f"{name}.json"] = MetaFile(version)
publish("snapshot", snapshot, [keys["online"]])
timestamp = Timestamp(version=version, expires=expires, snapshot_meta=MetaFile(version))
publish("timestamp", Metadata(timestamp), [keys["online"]])
print(json.dumps({name: own.keyid for name, own in public.items()}))
