"""The jobs of the benchmarks as python-tuf does them. Prints one JSON object.

    tuf_bench.py publish BIT_LENGTH RUNS DIRECTORY        add one target: bin, snapshot, timestamp, signed and written
    tuf_bench.py first BIT_LENGTH PROJECTS FILES DIRECTORY
                                                          sign every page and file of so many projects for the first time
    tuf_bench.py client URL ROOT TARGET DIRECTORY RUNS    refresh and look up, cold and warm, many times in one process
    tuf_bench.py process URL ROOT TARGET DIRECTORY        refresh and look up once: what the whole process takes
    tuf_bench.py verify snapshot|bin DIRECTORY RUNS       verify one large file
"""

import hashlib
import json
import os
import sys
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
from tuf.ngclient._internal.trusted_metadata_set import TrustedMetadataSet
from tuf.ngclient.config import EnvelopeType


def publish(bit_length: int, runs: int, directory: str) -> list[float]:
    signer = CryptoSigner.generate_ecdsa()
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


def first_signing(bit_length: int, projects: int, files: int, directory: str) -> dict[str, float]:
    """Two sets of bins, as PEP 458's layout has here: pages and files. The digests are of names: nothing is read."""
    signer = CryptoSigner.generate_ecdsa()
    keyid = signer.public_key.keyid
    expires = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=1)
    compact = JSONSerializer(compact=True)
    start, cpu = time.perf_counter(), time.process_time()
    pages, distributions = (SuccinctRoles([keyid], 1, bit_length, name) for name in ("index", "files"))
    roles = {name: Metadata(Targets(expires=expires)) for bins in (pages, distributions) for name in bins.get_roles()}

    def add(bins: SuccinctRoles, path: str) -> None:
        digest = hashlib.sha256(path.encode()).hexdigest()
        target = TargetFile(1_000_000, {"sha256": digest}, path)
        roles[bins.get_role_for_target(path)].signed.targets[path] = target

    for project in range(projects):
        add(pages, f"simple/project{project}/index.json")
        for version in range(files):
            add(distributions, f"files/project{project}/project{project}-{version}.0-py3-none-any.whl")
    snapshot = Metadata(Snapshot(expires=expires))
    for name, role in roles.items():
        role.sign(signer)
        role.to_file(os.path.join(directory, f"1.{name}.json"), compact)
        snapshot.signed.meta[f"{name}.json"] = MetaFile(version=1)
    timestamp = Metadata(Timestamp(expires=expires))
    for name, metadata in (("1.snapshot.json", snapshot), ("timestamp.json", timestamp)):
        metadata.sign(signer)
        metadata.to_file(os.path.join(directory, name), compact)
    return {
        "seconds": time.perf_counter() - start,
        "cpu_seconds": time.process_time() - cpu,
        "peak_mib": whole_process()["peak_mib"],
    }


def refresh(url: str, root: str, target: str, directory: str) -> tuple[float, float]:
    with open(root, "rb") as file:
        root_bytes = file.read()
    os.makedirs(directory, exist_ok=True)
    start = time.perf_counter()
    updater = Updater(directory, f"{url}metadata/", directory, f"{url}targets/", bootstrap=root_bytes)
    updater.config.prefix_targets_with_hash = True
    updater.config.snapshot_max_length = 8_000_000
    updater.config.targets_max_length = 8_000_000
    updater.refresh()
    refreshed = time.perf_counter()
    if updater.get_targetinfo(target) is None:
        sys.exit(f"{target} was not found")
    return (refreshed - start) * 1000, (time.perf_counter() - refreshed) * 1000


def client(url: str, root: str, target: str, directory: str, runs: int) -> dict[str, list[float]]:
    figures: dict[str, list[float]] = {}
    for run in range(runs):
        for state in ("cold", "warm"):
            refreshed, found = refresh(url, root, target, os.path.join(directory, str(run)))
            figures.setdefault(f"{state}_refresh", []).append(refreshed)
            figures.setdefault(f"{state}_lookup", []).append(found)
    return figures


def verify(job: str, directory: str, runs: int) -> dict[str, list[float]]:
    def read(name: str) -> bytes:
        with open(os.path.join(directory, name), "rb") as file:
            return file.read()

    times = []
    for _ in range(runs):
        trusted = TrustedMetadataSet(read("root.json"), EnvelopeType.METADATA)
        trusted.update_timestamp(read("timestamp.json"))
        snapshot = read("snapshot.json")
        start = time.perf_counter()
        trusted.update_snapshot(snapshot)
        if job == "bin":
            trusted.update_targets(read("targets.json"))
            bin_bytes = read("bin.json")
            start = time.perf_counter()
            trusted.update_delegated_targets(bin_bytes, "index-0007", "targets")
        times.append((time.perf_counter() - start) * 1000)
    return {"milliseconds": times}


def whole_process() -> dict[str, float]:
    with open("/proc/self/status", encoding="ascii") as status:
        peak = next(line for line in status if line.startswith("VmHWM:"))
    return {"cpu_milliseconds": time.process_time() * 1000, "peak_mib": int(peak.split()[1]) / 1024}


def main() -> None:
    job, *arguments = sys.argv[1:]
    if job == "publish":
        result = {"milliseconds": publish(int(arguments[0]), int(arguments[1]), arguments[2])}
    elif job == "first":
        result = first_signing(*map(int, arguments[:3]), arguments[3])
    elif job == "client":
        result = client(*arguments[:4], int(arguments[4]))
    elif job == "process":
        refresh(*arguments)
        result = whole_process()
    else:
        result = verify(arguments[0], arguments[1], int(arguments[2])) | whole_process()
    print(json.dumps(result))


main()
