"""Where commands take credentials from: a file, the environment or a prompt; never from arguments."""

import os
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import click

from rocksync.domain.errors import MisuseError
from rocksync.domain.tenancy import Credentials

F = TypeVar("F", bound=Callable[..., object])
_NAMES = ("client_id", "client_secret", "api_user", "api_secret")


def credentials_option(command: F) -> F:
    """Give a command ``--credentials-file``."""
    return click.option(
        "--credentials-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help=f"TOML with {', '.join(_NAMES)}. Else ROCKSYNC_CLIENT_ID and so on, else a prompt.",
    )(command)


def read_credentials(file: Path | None) -> Credentials:
    """Return credentials from *file*, else the environment, else a prompt, else lines of standard input.

    Raises: MisuseError naming what is missing.
    """
    if file is not None:
        return _whole(_from_file(file), str(file))
    variables = _from_environment()
    if variables:
        return _whole(variables, "the environment (ROCKSYNC_CLIENT_ID, …)")
    if _is_typed():
        hidden = {"client_secret", "api_secret"}
        return _whole(
            {name: click.prompt(name, hide_input=name in hidden, err=True) for name in _NAMES}, "what you typed"
        )
    text = sys.stdin.read() if sys.stdin else ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) != len(_NAMES):
        raise MisuseError(
            "no credentials: give --credentials-file FILE, set ROCKSYNC_CLIENT_ID, ROCKSYNC_CLIENT_SECRET,"
            " ROCKSYNC_API_USER and ROCKSYNC_API_SECRET, or write the four as lines to standard input"
        )
    return _whole(dict(zip(_NAMES, lines, strict=True)), "standard input")


def only_from_input(file: Path | None) -> bool:
    """Whether neither *file* nor the environment nor a terminal gives credentials, but only standard input."""
    return file is None and not _from_environment() and sys.stdin is not None and not _is_typed()


def _is_typed() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _from_environment() -> Mapping[str, str]:
    """Return what is set in the environment; empty if none is."""
    return {name: value for name in _NAMES if (value := os.environ.get(f"ROCKSYNC_{name.upper()}"))}


def _from_file(file: Path) -> Mapping[str, str]:
    try:
        read = tomllib.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise MisuseError(f"{file} cannot be read as TOML ({type(error).__name__})") from None
    unknown = sorted(set(read) - set(_NAMES))
    if unknown:
        raise MisuseError(f"{file} holds {', '.join(unknown)}: only {', '.join(_NAMES)} belong into it")
    no_text = [name for name, value in read.items() if not isinstance(value, str)]
    if no_text:
        raise MisuseError(f"{', '.join(no_text)} in {file} must be text in quotes")
    return read


def _whole(found: Mapping[str, str], where: str) -> Credentials:
    missing = [name for name in _NAMES if not found.get(name, "").strip()]
    if missing:
        raise MisuseError(f"{', '.join(missing)} missing in {where}")
    values = {name: found[name].strip() for name in _NAMES}
    return Credentials(**values)
