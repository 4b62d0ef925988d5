"""The line to paste into another terminal: ``rocksync`` there looks at the demo."""

import shlex
from collections.abc import Mapping
from pathlib import Path

_CODE = Path(__file__).parents[2]


def line_to_paste(variables: Mapping[str, str], python: Path) -> str:
    """Return a line for bash, zsh or sh after which ``rocksync`` works with *variables*, in whatever folder.

    The program beside *python* is used; an environment that has none, as that of `make run`, gets a function.
    """
    set_to = " ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())
    if python.with_name("rocksync").is_file():
        return f"export {set_to} PATH={shlex.quote(str(python.parent))}:$PATH"
    program = f"PYTHONPATH={shlex.quote(str(_CODE))} {shlex.quote(str(python))} -m rocksync"
    return f'export {set_to}; rocksync() {{ {program} "$@"; }}'
