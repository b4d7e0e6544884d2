"""A repository, a user who trusts it, an attacker, and a terminal in which the user types."""

import os
import pty
import random
import re
import select
import shutil
import socket
import string
import struct
import fcntl
import subprocess
import sys
import termios
import time
from pathlib import Path

from terminal import Terminal
from wheels import wheel

COLUMNS, ROWS = 100, 400
PATIENCE = 240
# What the pictures show in place of the folder in which all of it happens; of the same length, so that no line moves.
SHOWN = "/home/you"


class Scene:
    def __init__(self, tools, sealdex):
        self.tools, self.sealdex = tools, sealdex
        letters = random.choices(string.ascii_lowercase, k=len(SHOWN) - len("/tmp/"))
        self.home = Path("/tmp") / "".join(letters)
        self.app = self.home / "app"
        self.server = None
        self.serving = None

    def __enter__(self):
        self.home.mkdir(mode=0o700)
        self.app.mkdir()
        (self.home / "bin").mkdir()
        programs = {"sealdex": self.sealdex, "uv": self.tools / "uv/bin/uv"}
        programs |= {name: self.tools / name / "bin" / name for name in ("poetry", "pdm", "pipenv")}
        for name, program in programs.items():
            (self.home / "bin" / name).symlink_to(program)
        self._sealdex("init", "--dev", "--bins", "16", "repository")
        files = [
            wheel(self.home, "acme_report", "1.4.0", ["acme-tables"]),
            wheel(self.home, "acme_tables", "2.1.3", []),
        ]
        self._sealdex("add", "--repository", "repository", *files)
        self.server = subprocess.Popen(
            [self.sealdex, "serve", "--repository", "repository", "--listen", "127.0.0.1:0"],
            cwd=self.home, env=self._environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        url = self._wait_for_url()
        root = "repository/public/metadata/1.root.json"
        index = "https://index.example/simple/"
        self._sealdex("trust", "add", "company", url, "--root", root, "--stands-for", index)
        return self

    def __exit__(self, *_):
        if self.server:
            self.server.terminate()
            self.server.wait()
        shutil.rmtree(self.home)

    def prepare(self, name, files):
        """The project's files, and what is there before the picture begins."""
        for file, text in files.items():
            (self.app / file).write_text(text)
        if name == "cooldown":
            folder = self.home / ".config/sealdex"
            folder.mkdir(parents=True, exist_ok=True)
            (self.app / "policy.toml").rename(folder / "policy.toml")
        if name == "doctor":
            (self.home / "bin/pip").symlink_to(self.tools / "pip/bin/pip")
            return
        environment = self.app / ".venv"
        self._run(sys.executable, "-m", "venv", "--without-pip", environment)
        self._run(
            self.tools / "pip/bin/pip", "--quiet", "--python", environment / "bin/python", "install", "--no-index",
            "--find-links", self.tools / "wheels", "pip",
        )
        if name == "pipenv":
            # It is to find a lock file.
            self._run(self.sealdex, "run", "--", self.home / "bin/pipenv", "lock")
        shutil.rmtree(self.home / ".cache/sealdex", ignore_errors=True)
        shutil.rmtree(self.home / ".local/state", ignore_errors=True)

    def attack(self):
        """Changes one byte of a wheel on the server."""
        (file,) = (self.home / "repository/public/targets/files/acme-tables").glob("*.whl")
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)

    def run(self, line):
        """Types the line, and gives what the terminal shows at the end."""
        terminal = Terminal(COLUMNS, ROWS)
        terminal.feed(f"\x1b[1;32m~/app\x1b[0m $ {line}\r\n".encode())
        process, master = pty.fork()
        if process == 0:
            os.chdir(self.app)
            os.execvpe("sh", ["sh", "-c", line], self._environment() | {"TERM": "xterm-256color"})
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            ready, _, _ = select.select([master], [], [], 1)
            try:
                content = os.read(master, 65536) if ready else None
            except OSError:
                break
            if content == b"":
                break
            if content:
                terminal.feed(content)
        else:
            os.kill(process, 9)
        os.waitpid(process, 0)
        return terminal.lines(self._neutral)

    def _neutral(self, text):
        """Without what is this machine's alone."""
        text = text.replace(str(self.home), SHOWN)
        text = re.sub(re.escape(str(self.tools)) + r"/\w+/", "/usr/", text)
        for own in (str(Path(self.sealdex).parents[1]), str(Path(self.sealdex).parents[2]), socket.gethostname()):
            if own in text:
                raise SystemExit(f"the picture would show {own}: {text}")
        return text

    def _environment(self):
        folders = [self.app / ".venv/bin", self.home / "bin", "/usr/local/bin", "/usr/bin", "/bin"]
        return {
            "HOME": str(self.home), "PATH": os.pathsep.join(map(str, folders)), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1", "UV_PYTHON_DOWNLOADS": "never", "PDM_CHECK_UPDATE": "0",
            "POETRY_VIRTUALENVS_IN_PROJECT": "1", "PIPENV_VENV_IN_PROJECT": "1", "PIPENV_VERBOSITY": "-1",
            # Where `sealdex doctor` says which index a tool asks by itself, pdm names one.
            "PDM_PYPI_URL": "https://index.example/simple", "VIRTUALENV_NO_PERIODIC_UPDATE": "1", "PYTHONDONTWRITEBYTECODE": "1",
        }

    def _sealdex(self, *words):
        self._run(self.sealdex, *words, folder=self.home)

    def _run(self, *words, folder=None):
        done = subprocess.run(
            words, cwd=folder or self.app, env=self._environment(), text=True, capture_output=True, timeout=PATIENCE
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(map(str, words))}:\n{done.stdout}{done.stderr}")

    def _wait_for_url(self):
        for line in self.server.stdout:
            if found := re.search(r"serving (http://\S+?)simple/", line):
                return found[1]
        raise SystemExit("the server did not start")
