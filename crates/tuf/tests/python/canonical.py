"""Canonical JSON by securesystemslib.

    canonical.py encode DOCUMENTS       a file, each line a JSON text; writes a line of hex for each
    canonical.py generate COUNT         writes random documents: a line of JSON text, then a line of hex for each
"""

import json
import random
import sys

from securesystemslib.formats import encode_canonical


def canonical(value: object) -> str:
    return encode_canonical(value).encode("utf-8").hex()


def text(rng: random.Random) -> str:
    alphabet = "ab\"\\/ \n\t\r\x00\x1f\x7f\u00e9e\u0301\u2028\ufffd\uffff\U0001f600\U0010ffff{}[]:,"
    return "".join(rng.choice(alphabet) for _ in range(rng.randrange(8)))


def value(rng: random.Random, depth: int) -> object:
    kind = rng.randrange(8 if depth else 6)
    if kind == 0:
        return rng.choice([None, True, False])
    if kind == 1:
        return rng.choice([0, 1, -1, 2**63 - 1, 2**64 - 1, -(2**63), rng.randrange(-1000, 1000)])
    if kind < 6:
        return text(rng)
    if kind == 6:
        return [value(rng, depth - 1) for _ in range(rng.randrange(5))]
    return {text(rng): value(rng, depth - 1) for _ in range(rng.randrange(6))}


if sys.argv[1] == "encode":
    with open(sys.argv[2], "rb") as documents:
        for line in documents:
            print(canonical(json.loads(line)))
else:
    rng = random.Random(20260101)
    for _ in range(int(sys.argv[2])):
        document = {"document": value(rng, 5), text(rng): value(rng, 4)}
        # ASCII alone, so that a line stays a line.
        print(json.dumps(document, ensure_ascii=True, sort_keys=rng.random() < 0.5))
        print(canonical(document))
