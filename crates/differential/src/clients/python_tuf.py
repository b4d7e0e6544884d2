"""python-tuf's client, unmodified, fed with cases.

Reads a case as one line of JSON and answers with one line, until its input ends. Only the transport is ours (a table of
files in place of HTTP), and the time at which each update begins.
"""

import base64
import hashlib
import json
import logging
import os
import shutil
import sys
import tempfile
from datetime import datetime, timezone
from urllib import parse

from tuf.api.exceptions import DownloadError, DownloadHTTPError, RepositoryError
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

METADATA, TARGETS = "https://repository.test/metadata/", "https://repository.test/targets/"


class Served(FetcherInterface):
    def __init__(self, site):
        self.metadata = site["metadata"]
        self.targets = site["targets"]

    def _fetch(self, url):
        if url.startswith(METADATA):
            file = self.metadata.get(parse.unquote(url[len(METADATA) :]))
        else:
            file = self.targets.get(url[len(TARGETS) :])
        if file is None:
            raise DownloadHTTPError("not found", 404)
        return iter([base64.b64decode(file)])


def text(value):
    """Text that JSON can carry: half of a surrogate pair cannot be written down."""
    return str(value).encode("utf-8", "replace").decode()


def told(error):
    own = text(f"{type(error).__name__}: {error}")
    cause = error.__cause__
    return own if cause is None else f"{own}: {told(cause)}"


def attempt(work):
    """What came of it: a result, a refusal that the documentation speaks of, or something else."""
    try:
        return "accepted", work()
    except (RepositoryError, DownloadError) as error:
        return "refused", told(error)
    except Exception as error:  # noqa: BLE001
        return "crashed", told(error)


def stored(directory):
    roles = {}
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        if name.endswith(".json") and os.path.isfile(path):
            with open(path, "rb") as file:
                roles[parse.unquote(name[: -len(".json")])] = hashlib.sha256(file.read()).hexdigest()
    return roles


def run_step(case, step, folder):
    directory, downloads = os.path.join(folder, "metadata"), os.path.join(folder, "targets")
    for role, data in step["stored"].items():
        path = os.path.join(directory, parse.quote(role, "") + ".json")
        if data is not None:
            with open(path, "wb") as file:
                file.write(base64.b64decode(data))
        elif os.path.exists(path):
            os.remove(path)
    config = UpdaterConfig(**case["limits"])
    site = case["sites"][step["site"]]

    def refresh():
        updater = Updater(
            directory,
            METADATA,
            downloads,
            TARGETS,
            fetcher=Served(site),
            config=config,
            bootstrap=base64.b64decode(case["root"]),
        )
        updater._trusted_set.reference_time = datetime.fromtimestamp(step["now"], timezone.utc)
        updater.refresh()
        return updater

    verdict, result = attempt(refresh)
    answer = {"refresh": verdict, "reason": "" if verdict == "accepted" else result, "found": []}
    for path in step["find"] if verdict == "accepted" else []:
        found, target = attempt(lambda path=path: result.get_targetinfo(path))
        if found == "accepted" and target is not None:
            content, _ = attempt(lambda target=target: result.download_target(target))
            target = {
                "length": text(target.length),
                "hashes": {text(name): text(value) for name, value in target.hashes.items()},
                "content": content == "accepted",
            }
        answer["found"].append([found, target])
    answer["stored"] = stored(directory)
    return answer


def main():
    logging.disable(logging.CRITICAL)
    for line in sys.stdin:
        case = json.loads(line)
        folder = tempfile.mkdtemp()
        try:
            os.mkdir(os.path.join(folder, "metadata"))
            os.mkdir(os.path.join(folder, "targets"))
            answer = [run_step(case, step, folder) for step in case["steps"]]
        finally:
            shutil.rmtree(folder)
        print(json.dumps(answer), flush=True)


main()
