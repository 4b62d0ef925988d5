"""The folder of an embedded server: its files, and the locks its users and supervisor hold.

The kernel drops a ``flock`` when its holder dies, however it dies, so locks say who is there and nothing goes stale:

- ``users.lock``: every process that uses the server holds it shared; the supervisor takes it exclusively to stop.
- ``start.lock``: exclusive, held while looking whether a supervisor lives and while starting one.
- ``supervisor.lock``: exclusive, held by the supervisor for life. It is handed over open, so it is never free between.
"""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from rocksync.domain.errors import SettingsError

USER = "rocksync"
DATABASE = "rocksync"


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Where one embedded server keeps everything; *folder* is absolute."""

    folder: Path

    @property
    def cluster(self) -> Path:
        """Postgres' own data directory."""
        return self.folder / "postgres"

    @property
    def dsn(self) -> Path:
        """There while the server can be used; its text is a secret."""
        return self.folder / "postgres.dsn"

    @property
    def password(self) -> Path:
        """The password of the only role."""
        return self.folder / "postgres.password"

    @property
    def failure(self) -> Path:
        """Why the last supervisor gave up, if it did."""
        return self.folder / "postgres.failure"

    @property
    def log(self) -> Path:
        """What Postgres and its supervisor complain about."""
        return self.folder / "postgres.log"

    @classmethod
    def prepared(cls, data_dir: Path) -> "Home":
        """Return the home in *data_dir*, which is made, closed to others, if it is not there.

        Raises: SettingsError if it cannot be written.
        """
        try:
            home = cls(folder=data_dir.resolve())
            home.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(home.open_lock("start"))
        except OSError as error:
            raise SettingsError(
                f"data_dir {data_dir} cannot be written ({error.strerror}): set data_dir to a folder that can be"
            ) from error
        return home

    def open_lock(self, name: str) -> int:
        """Return a descriptor of *name*'s lock file, not locked, not inherited."""
        return os.open(self.folder / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def publish(self, port: int) -> None:
        """Say where the server listens, in one step."""
        password = quote(self.password.read_text(encoding="ascii"), safe="")
        write_secret(self.dsn, f"postgresql://{USER}:{password}@127.0.0.1:{port}/{DATABASE}")

    def published(self) -> str | None:
        """Return the server's DSN, or None while there is none."""
        try:
            return self.dsn.read_text(encoding="ascii")
        except FileNotFoundError:
            return None

    def published_port(self) -> int | None:
        """Return the port of the published DSN."""
        dsn = self.published()
        return None if dsn is None else urlsplit(dsn).port


def try_lock(descriptor: int, *, shared: bool) -> bool:
    """Take the lock if it is free now. A lock already held is lost when taking it the other way fails."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unlock(descriptor: int) -> None:
    """Give the lock back."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)


def write_secret(path: Path, text: str) -> None:
    """Write *text* so that only the owner reads it and nobody sees half of it."""
    half = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
    half.replace(path)
