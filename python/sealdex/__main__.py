"""Runs the binary that was installed with this package, with the same arguments."""

import importlib.metadata
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Iterator

NAME = "sealdex" + (sysconfig.get_config_var("EXE") or "")


def candidates() -> Iterator[Path]:
    """Where the binary can be, the most certain place first."""
    # What the installer wrote down: true in environments, for --user and for --prefix.
    for file in importlib.metadata.files("sealdex") or ():
        if file.name == NAME:
            yield Path(str(file.locate()))
    # `pip install --target` moves it without writing that down.
    yield Path(__file__).resolve().parent.parent / "bin" / NAME
    yield Path(sysconfig.get_path("scripts")) / NAME


def binary() -> Path:
    for path in candidates():
        if path.is_file():
            return path
    sys.exit(f"error: the binary {NAME} is missing; install the package sealdex again")


def main() -> None:
    words = [str(binary()), *sys.argv[1:]]
    if os.name == "posix":
        os.execv(words[0], words)
    sys.exit(subprocess.run(words).returncode)


if __name__ == "__main__":
    main()
