"""The jobs of the benchmarks as python-tuf does them. Prints one JSON object: {"milliseconds": [...], "peak_kib": N}.

    tuf_bench.py publish BIT_LENGTH RUNS DIRECTORY     add one target: bin, snapshot, timestamp, signed and written
    tuf_bench.py refresh URL ROOT TARGET RUNS          cold and warm refresh and lookup, over HTTP
"""

import json
import os
import resource
import shutil
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    MetaFile,
    Metadata,
    Snapshot,
    SuccinctRoles,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer
from tuf.ngclient import Updater


def publish(bit_length: int, runs: int, directory: str) -> list[float]:
    signer = CryptoSigner.generate_ed25519()
    keyid = signer.public_key.keyid
    expires = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=1)
    compact = JSONSerializer(compact=True)

    bins = SuccinctRoles([keyid], 1, bit_length, "index")
    roles = {name: Metadata(Targets(expires=expires)) for name in bins.get_roles()}
    snapshot = Metadata(Snapshot(expires=expires))
    for name in roles:
        snapshot.signed.meta[f"{name}.json"] = MetaFile(version=1)
    timestamp = Metadata(Timestamp(expires=expires))

    def write(name: str, metadata: Metadata) -> None:
        metadata.sign(signer)
        metadata.to_file(os.path.join(directory, name), compact)

    times = []
    for run in range(runs):
        start = time.perf_counter()
        path = f"simple/project-{run}/index.json"
        name = bins.get_role_for_target(path)
        role = roles[name]
        role.signed.targets[path] = TargetFile.from_data(path, b"page of %d" % run, ["sha256"])
        role.signed.version += 1
        write(f"{role.signed.version}.{name}.json", role)
        snapshot.signed.meta[f"{name}.json"].version = role.signed.version
        snapshot.signed.version += 1
        write(f"{snapshot.signed.version}.snapshot.json", snapshot)
        timestamp.signed.snapshot_meta.version = snapshot.signed.version
        timestamp.signed.version += 1
        write("timestamp.json", timestamp)
        times.append((time.perf_counter() - start) * 1000)
    return times


def refresh(url: str, root: str, target: str, runs: int) -> dict[str, list[float]]:
    with open(root, "rb") as file:
        root_bytes = file.read()

    def lookup(directory: str) -> float:
        start = time.perf_counter()
        updater = Updater(directory, f"{url}metadata/", directory, f"{url}targets/", bootstrap=root_bytes)
        updater.config.prefix_targets_with_hash = True
        updater.refresh()
        if updater.get_targetinfo(target) is None:
            sys.exit(f"{target} was not found")
        return (time.perf_counter() - start) * 1000

    cold, warm = [], []
    for _ in range(runs):
        directory = tempfile.mkdtemp()
        cold.append(lookup(directory))
        warm.append(lookup(directory))
        shutil.rmtree(directory)
    return {"cold": cold, "warm": warm}


def main() -> None:
    job, *arguments = sys.argv[1:]
    if job == "publish":
        result = {"milliseconds": publish(int(arguments[0]), int(arguments[1]), arguments[2])}
    else:
        result = refresh(arguments[0], arguments[1], arguments[2], int(arguments[3]))
    result["peak_kib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps(result))


main()
