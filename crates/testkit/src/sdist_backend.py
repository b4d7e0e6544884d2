"""A build backend of a few lines: packs src/ and PKG-INFO into a pure Python wheel."""

import base64
import hashlib
import os
import re
import zipfile


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with open("PKG-INFO", "rb") as file:
        metadata = file.read()
    fields = dict(line.split(": ", 1) for line in metadata.decode().splitlines()[:3])
    stem = re.sub(r"[-_.]+", "_", fields["Name"]).lower() + "-" + fields["Version"].replace("-", "_")

    files = {}
    for folder, _, names in os.walk("src"):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                files[os.path.relpath(path, "src").replace(os.sep, "/")] = file.read()
    files[stem + ".dist-info/METADATA"] = metadata
    files[stem + ".dist-info/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: sealdex-testkit\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )

    record = ""
    for path, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        record += "%s,sha256=%s,%d\n" % (path, digest, len(content))
    record_path = stem + ".dist-info/RECORD"
    files[record_path] = (record + record_path + ",,\n").encode()

    file_name = stem + "-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(wheel_directory, file_name), "w") as wheel:
        for path, content in files.items():
            wheel.writestr(path, content)
    return file_name
