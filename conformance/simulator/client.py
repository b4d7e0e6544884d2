"""The client under test, over the command line that tuf-conformance defines in its CLIENT-CLI.md."""

import json
import os
import signal
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from simulator.repository import Repository

TIME_LIMIT = 60.0


class Misbehaved(Exception):
    """The client did what CLIENT-CLI.md does not provide for: a failure, whatever the test is about."""


@dataclass(frozen=True)
class Outcome:
    """How a command ended. It is true when the client says that it succeeded."""

    succeeded: bool
    output: str
    peak_bytes: int

    def __bool__(self) -> bool:
        return self.succeeded


class Client:
    """A client with a state of its own. It trusts the repository's first root from its first command on."""

    def __init__(self, command: list[str], url: str, repository: Repository, folder: Path) -> None:
        self._command = command
        self._url = url
        self._repository = repository
        self._initialised = False
        self._top = folder
        # So deep that what climbs out of it is still seen.
        self._folder = folder / "some/where/client"
        self.metadata_dir = self._folder / "metadata"
        self.target_dir = self._folder / "targets"
        self.metadata_dir.mkdir(parents=True)
        self.target_dir.mkdir()

    def refresh(self) -> Outcome:
        """Updates the top-level metadata."""
        return self._ask("refresh")

    def download(self, *paths: str) -> Outcome:
        """Updates, then downloads targets, one after the other."""
        names = [argument for path in paths for argument in ("--target-name", path)]
        return self._ask(
            *names, "--target-dir", str(self.target_dir), "--target-base-url", f"{self._url}targets/", "download"
        )

    def trusted(self, role: str) -> dict | None:
        """The signed part of the metadata that the client trusts for a role; `None` when there is none."""
        path = self.metadata_dir / f"{quote(role, safe='')}.json"
        return json.loads(path.read_bytes())["signed"] if path.is_file() else None

    def version(self, role: str) -> int | None:
        """The version of a role that the client trusts."""
        signed = self.trusted(role)
        return None if signed is None else signed["version"]

    def downloaded(self) -> list[bytes]:
        """The contents of all files in the target directory."""
        return [path.read_bytes() for path in sorted(self.target_dir.rglob("*")) if path.is_file()]

    def outside(self) -> list[str]:
        """What the client made where it has no business, up to four folders above its targets."""
        known = [self.metadata_dir, self.target_dir, self._folder / "trusted_root.json", self._folder / "output"]
        found = (path for path in self._top.rglob("*") if not self._folder.is_relative_to(path))
        return [str(path) for path in found if not any(path.is_relative_to(own) for own in known)]

    def _init(self) -> None:
        trusted = self._folder / "trusted_root.json"
        trusted.write_bytes(self._repository.files["1.root.json"])
        outcome = self._run("init", str(trusted))
        if not outcome:
            raise Misbehaved(f"init failed: {outcome.output}")
        self._initialised = True

    def _ask(self, *arguments: str) -> Outcome:
        if not self._initialised:
            self._init()
        return self._run("--metadata-url", f"{self._url}metadata/", *arguments)

    def _run(self, *arguments: str) -> Outcome:
        command = [*self._command, "--metadata-dir", str(self.metadata_dir), *arguments]
        with (self._folder / "output").open("wb") as output:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
            timer = threading.Timer(TIME_LIMIT, process.kill)
            timer.start()
            # Unlike `wait`, this says how much memory this one process had.
            _, status, usage = os.wait4(process.pid, 0)
            timer.cancel()
        process.returncode = code = os.waitstatus_to_exitcode(status)
        text = (self._folder / "output").read_text(errors="replace")
        if code == -signal.SIGKILL and not timer.is_alive():
            text += f"\nkilled after {TIME_LIMIT} seconds"
        # CLIENT-CLI.md knows these two: everything else is a crash, a kill, or a client that does not know itself.
        if code not in (0, 1):
            raise Misbehaved(f"exit code {code}: {text}")
        return Outcome(code == 0, text, usage.ru_maxrss * 1024)
