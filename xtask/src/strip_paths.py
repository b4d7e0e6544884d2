"""Takes the folder that a wheel was built in out of its list of components, and packs the wheel again.

Arguments: the wheel, the folder. maturin names the packages of the workspace by where they are, and has no option for that.
"""

import base64
import csv
import hashlib
import io
import os
import sys
import zipfile

wheel, folder = sys.argv[1:]
partial = wheel + ".partial"
changed = {}


def without_folder(name: str, content: bytes) -> bytes:
    if "/sboms/" in name:
        new = content.replace(f"path+file://{folder}/".encode(), b"path+file:///sealdex/")
        if folder.encode() in new:
            sys.exit(f"{name} still names {folder}")
        digest = base64.urlsafe_b64encode(hashlib.sha256(new).digest()).rstrip(b"=").decode()
        changed[name] = [name, f"sha256={digest}", str(len(new))]
        return new
    if name.endswith(".dist-info/RECORD"):
        # The last member, so that all digests are known.
        rows = [changed.get(row[0], row) for row in csv.reader(io.StringIO(content.decode()))]
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        return text.getvalue().encode()
    return content


with zipfile.ZipFile(wheel) as before, zipfile.ZipFile(partial, "w") as after:
    members = before.infolist()
    members.sort(key=lambda member: member.filename.endswith(".dist-info/RECORD"))
    for member in members:
        content = without_folder(member.filename, before.read(member))
        after.writestr(member, content, compresslevel=9)
if not changed:
    sys.exit(f"{wheel} has no list of components")
os.replace(partial, wheel)
