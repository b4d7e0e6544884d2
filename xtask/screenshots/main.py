"""Draws terminals in which Sealdex refuses something: each is one real run of a real tool. See `cargo xtask screenshots`."""

import argparse
from pathlib import Path

from draw import draw
from scene import Scene

PROJECT = '[project]\nname = "app"\nversion = "0.1"\nrequires-python = ">=3.10"\ndependencies = ["acme-report"]\n'
INDEX = "https://index.example/simple/"

# The name of a picture, what is typed, and the files of the folder in which it is.
PICTURES = {
    "pip": ("sealdex pip install acme-report", {}),
    "uv": (
        "sealdex uv sync",
        {"pyproject.toml": PROJECT + f'[[tool.uv.index]]\nurl = "{INDEX}"\ndefault = true\n'},
    ),
    "poetry": (
        "sealdex run -- poetry install",
        {
            "pyproject.toml": PROJECT
            + f'[tool.poetry]\npackage-mode = false\n[[tool.poetry.source]]\nname = "acme"\nurl = "{INDEX}"\n'
        },
    ),
    "pdm": (
        "sealdex run -- pdm install",
        {
            "pyproject.toml": PROJECT
            + f'[tool.pdm]\ndistribution = false\n[[tool.pdm.source]]\nname = "pypi"\nurl = "{INDEX}"\n'
        },
    ),
    "pipenv": (
        "sealdex run -- pipenv sync",
        {"Pipfile": f'[[source]]\nname = "acme"\nurl = "{INDEX}"\nverify_ssl = true\n[packages]\nacme-report = "*"\n'},
    ),
    # Under a policy that wants releases to be a week old.
    "cooldown": (
        "sealdex pip install acme-report",
        {"policy.toml": 'minimum-release-age = "7d"\n'},
    ),
    "doctor": ("sealdex doctor", {}),
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--tools", type=Path, required=True, help="the folder of the test environments")
    parser.add_argument("--sealdex", type=Path, required=True)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PICTURES))
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(PICTURES):
        parser.error(f"there is no picture {', '.join(unknown)}")
    arguments.output.mkdir(parents=True, exist_ok=True)
    for name, (line, files) in PICTURES.items():
        if arguments.names and name not in arguments.names:
            continue
        with Scene(arguments.tools, arguments.sealdex) as scene:
            scene.prepare(name, files)
            if name not in ("cooldown", "doctor"):
                scene.attack()
            lines = scene.run(line)
            text = "\n".join(lines.plain)
            expected = {"cooldown": "minimum-release-age", "doctor": "protected"}.get(name, "sealdex refused")
            if expected not in text:
                raise SystemExit(f"{name}: nothing says {expected!r}:\n{text}")
            file = "doctor.svg" if name == "doctor" else f"refusal-{name}.svg"
            draw(lines, arguments.output / file)
            print(f"drew {name}", flush=True)


main()
