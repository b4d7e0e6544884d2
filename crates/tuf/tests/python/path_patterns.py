"""Path patterns as python-tuf matches them.

    path_patterns.py PAIRS      a file, a JSON list of [pattern, path]; writes a JSON list of booleans
"""

import json
import sys

from tuf.api.metadata import DelegatedRole


def matches(pattern: str, path: str) -> bool:
    return DelegatedRole("role", [], 1, False, [pattern]).is_delegated_path(path)


with open(sys.argv[1], "rb") as pairs:
    print(json.dumps([matches(pattern, path) for pattern, path in json.load(pairs)]))
