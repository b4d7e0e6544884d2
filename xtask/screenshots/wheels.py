"""Small wheels."""

import zipfile


def wheel(folder, name, version, requires):
    """Writes one, and gives its path."""
    stem = f"{name}-{version}"
    metadata = f"Metadata-Version: 2.2\nName: {name.replace('_', '-')}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {own}\n" for own in requires)
    files = {
        f"{name}.py": f"VERSION = '{version}'\n" * 40,
        f"{stem}.dist-info/METADATA": metadata,
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = f"{stem}.dist-info/RECORD"
    files[record] = "".join(f"{path},,\n" for path in [*files, record])
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for own, text in files.items():
            # Without the time, so that pictures differ in what differs.
            archive.writestr(zipfile.ZipInfo(own), text)
    return path
