"""python-tuf's client, unmodified: refreshes, then finds and downloads targets.

    ngclient.py BASE_URL ROOT DIRECTORY TARGETS

TARGETS is a JSON list of target paths. Writes a JSON object: the content of each, or null where there is none.
"""

import json
import sys
from pathlib import Path

from tuf.ngclient import Updater

base, root, directory, wanted = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), json.loads(sys.argv[4])
for name in ("metadata", "targets"):
    (directory / name).mkdir(parents=True, exist_ok=True)

updater = Updater(
    str(directory / "metadata"),
    f"{base}/metadata/",
    str(directory / "targets"),
    f"{base}/targets/",
    bootstrap=root.read_bytes(),
)
updater.refresh()
contents = {}
for path in wanted:
    info = updater.get_targetinfo(path)
    contents[path] = None if info is None else Path(updater.download_target(info)).read_text()
print(json.dumps(contents))
