"""The `sealdex` command as a Python package: `python -m sealdex` runs the binary that was installed with it."""
