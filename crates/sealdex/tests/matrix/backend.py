"""The build backend of a project under test: a wheel that holds its metadata, and a path to where it lies."""

import os
import zipfile

import helper  # from the index, or there is no build

METADATA = "Metadata-Version: 2.2\nName: app\nVersion: 0.1\nRequires-Dist: alpha\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: backend\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    assert helper.VERSION
    files = {
        "app.pth": os.getcwd() + "\n",
        "app-0.1.dist-info/METADATA": METADATA,
        "app-0.1.dist-info/WHEEL": WHEEL,
    }
    files["app-0.1.dist-info/RECORD"] = "".join(name + ",,\n" for name in files) + "app-0.1.dist-info/RECORD,,\n"
    name = "app-0.1-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
    return name


build_editable = build_wheel
