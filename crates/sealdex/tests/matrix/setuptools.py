"""As much of setuptools as building a package without modules needs; a real one is too large for a test's index."""

import os
import zipfile


class _Backend:
    def get_requires_for_build_wheel(self, config_settings=None):
        return []

    def build_wheel(self, wheel_directory, config_settings=None, metadata_directory=None):
        stem = "pre_commit_placeholder_package-0.0.0"
        files = {
            stem + ".dist-info/METADATA": "Metadata-Version: 2.2\nName: pre-commit-placeholder-package\nVersion: 0.0.0\n",
            stem + ".dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        record = stem + ".dist-info/RECORD"
        files[record] = "".join(name + ",,\n" for name in [*files, record])
        name = stem + "-py3-none-any.whl"
        with zipfile.ZipFile(os.path.join(wheel_directory, name), "w") as wheel:
            for path, text in files.items():
                wheel.writestr(path, text)
        return name


__legacy__ = _Backend()
