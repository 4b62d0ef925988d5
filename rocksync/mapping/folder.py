"""The mappers that are there: files and packages of a folder, and installed packages. Reads text, imports nothing."""

import errno
import hashlib
import os
import re
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import NoReturn

from rocksync.mapping.wire import Source, SourceFile

GROUP = "rocksync.mappers"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_YOUNG_S = 2.0
_LARGEST_MB = 16
_Signature = tuple[tuple[str, int, int, int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A mapper's text. ``settled`` False: it is so young that another change may leave no trace in its signature."""

    source: Source
    digest: str
    signature: _Signature = ()
    settled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What is there. ``oddities`` are things to be told, by mapper name or, for the folder as a whole, an empty one.

    ``unreadable`` are mappers that are there, but whose text cannot be had; ``found`` has the text known of them.
    """

    found: Mapping[str, Found] = field(default_factory=dict)
    oddities: Mapping[str, str] = field(default_factory=dict)
    unreadable: frozenset[str] = frozenset()
    readable: bool = True


def scan(folder: Path, known: Mapping[str, Found]) -> Scan:
    """Return the mappers of *folder*; text is read again only where a file differs from that of *known*.

    Links are followed, so that a folder whose files are swapped by a link (a Kubernetes ConfigMap) is seen to change.
    """
    try:
        entries = sorted(folder.iterdir())
    except FileNotFoundError:
        return Scan(readable=False)
    except OSError as error:
        return Scan(readable=False, oddities={"": f"{folder} cannot be read: {error.strerror}"})
    found: dict[str, Found] = {}
    oddities: dict[str, str] = {}
    unreadable: set[str] = set()
    for path in entries:
        name = _mapper_name(path)
        if name is None:
            continue
        if not NAME.fullmatch(name):
            oddities[name] = f"{path.name} is ignored: a mapper's name has lower-case letters, digits, - and _ only"
        elif name in found:
            oddities[name] = f"there is a folder and a file named {name}; the folder is used"
        else:
            try:
                found[name] = _read(folder, path, name, known.get(name))
            except OSError as error:
                oddities[name] = f"{path.name} cannot be read: {error.strerror}"
                unreadable.add(name)
                if name in known:
                    found[name] = known[name]
    oddities |= {
        name: f"there is also {twin}: a tenant named {twin} uses that one"
        for name in found
        if (twin := name.replace("_", "-")) != name and twin in found
    }
    return Scan(found=found, oddities=oddities, unreadable=frozenset(unreadable))


def _mapper_name(path: Path) -> str | None:
    """Return the name of the mapper that *path* is, or would be if it could be read."""
    if path.name.startswith((".", "_")):
        return None
    try:
        if path.suffix == ".py" and not path.is_dir():
            return path.stem
        return path.name if (path / "__init__.py").is_file() else None
    except PermissionError:
        name = path.name.removesuffix(".py")
        return name if NAME.fullmatch(name) else None


def _read(folder: Path, path: Path, name: str, known: Found | None) -> Found:
    is_package = path.is_dir()
    files = list(_files(path)) if is_package else [path]
    signature = tuple(_signature(file) for file in files)
    if known is not None and known.settled and known.signature == signature:
        return known
    if sum(one[4] for one in signature) > _LARGEST_MB * 2**20:
        raise OSError(errno.EFBIG, f"it has more than {_LARGEST_MB} MB")
    digest = hashlib.sha256()
    sources = []
    for file in files:
        content = file.read_bytes()
        digest.update(f"{file.relative_to(folder)}\0{len(content)}\0".encode())
        digest.update(content)
        if file.suffix == ".py":
            sources.append(SourceFile(_module(path, file), str(file), str(file.relative_to(folder)), content))
    label = sources[0].label if not is_package else f"{name}/__init__.py"
    source = Source(name=name, label=label, files=tuple(sources), is_package=is_package)
    newest = max(one[2] for one in signature)
    settled = time.time() - newest / 1e9 > _YOUNG_S
    return Found(source=source, digest=digest.hexdigest(), signature=signature, settled=settled)


def _files(package: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(package, onerror=_refuse, followlinks=True):
        folders[:] = sorted(one for one in folders if one != "__pycache__" and not one.startswith("."))
        for file in sorted(files):
            if not file.startswith(".") and not file.endswith(".pyc"):
                yield Path(root, file)


def _refuse(error: OSError) -> NoReturn:
    raise error


def _signature(file: Path) -> tuple[str, int, int, int, int]:
    """Raises: OSError, also for what may keep its reader waiting, and for a name that cannot be told to hosts."""
    seen = file.stat()
    if not stat.S_ISREG(seen.st_mode):
        raise OSError(errno.EINVAL, f"{str(file)!a} is no regular file")
    try:
        str(file).encode()
    except UnicodeEncodeError as error:
        raise OSError(errno.EILSEQ, f"the name of {str(file)!a} is not UTF-8") from error
    return str(file), seen.st_ino, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size


def _module(package: Path, file: Path) -> str:
    if file == package:
        return ""
    parts = list(file.relative_to(package).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def installed() -> dict[str, Found]:
    """Return the mappers that installed packages bring, by the entry points of group ``rocksync.mappers``."""
    found: dict[str, Found] = {}
    for point in metadata.entry_points(group=GROUP):
        package = f"{point.dist.name} {point.dist.version}" if point.dist else "an installed package"
        source = Source(name=point.name, label=f"{point.value} of {package}", installed=point.value)
        found[point.name] = Found(source=source, digest=hashlib.sha256(source.label.encode()).hexdigest())
    return found
