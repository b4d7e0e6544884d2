#!/usr/bin/env python3
"""python-tuf behind the command line of tuf-conformance's CLIENT-CLI.md."""

import argparse
import shutil
from pathlib import Path

from tuf.ngclient import Updater


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--metadata-dir", type=Path, required=True)
    parser.add_argument("--metadata-url")
    parser.add_argument("--target-name", action="append", default=[])
    parser.add_argument("--target-dir")
    parser.add_argument("--target-base-url")
    parser.add_argument("command", choices=["init", "refresh", "download"])
    parser.add_argument("trusted_root", nargs="?")
    arguments = parser.parse_args()

    if arguments.command == "init":
        shutil.copyfile(arguments.trusted_root, arguments.metadata_dir / "root.json")
        return
    updater = Updater(
        str(arguments.metadata_dir),
        arguments.metadata_url,
        arguments.target_dir,
        arguments.target_base_url,
        bootstrap=None,
    )
    updater.refresh()
    for name in arguments.target_name:
        target = updater.get_targetinfo(name)
        if target is None:
            raise SystemExit(f"the repository has no target {name!r}")
        if updater.find_cached_target(target) is None:
            updater.download_target(target)


if __name__ == "__main__":
    main()
