"""Stands in for cargo when the test has maturin build: the binary that all tests use is packed, and none is built."""

import json
import os
import subprocess
import sys

cargo, binary = os.environ["REAL_CARGO"], os.environ["BUILT_BINARY"]
if sys.argv[1] != "rustc":
    os.execv(cargo, [cargo, *sys.argv[1:]])

manifest = sys.argv[sys.argv.index("--manifest-path") + 1]
words = [cargo, "metadata", "--no-deps", "--format-version=1", "--manifest-path", manifest]
packages = json.loads(subprocess.check_output(words))["packages"]
package = next(package for package in packages if package["manifest_path"] == manifest)
target = next(target for target in package["targets"] if target["kind"] == ["bin"])
artifact = {
    "reason": "compiler-artifact",
    "package_id": package["id"],
    "manifest_path": manifest,
    "target": target,
    "profile": {"opt_level": "0", "debuginfo": 1, "debug_assertions": True, "overflow_checks": True, "test": False},
    "features": [],
    "filenames": [binary],
    "executable": binary,
    "fresh": True,
}
print(json.dumps(artifact))
print(json.dumps({"reason": "build-finished", "success": True}))
