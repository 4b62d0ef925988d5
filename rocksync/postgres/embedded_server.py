"""One PostgreSQL server as a child process: made, started, waited for. Blocking calls, for the supervisor alone."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rocksync.domain.errors import SettingsError
from rocksync.postgres.embedded_binaries import Binaries, Identity
from rocksync.postgres.embedded_home import DATABASE, USER, Home

_LOG_LIMIT_BYTES = 5_000_000
_START_TRIES = 3
_POLL_S = 0.01
_SHUTDOWN_S = 5.0
_ORPHANS_S = 0.5
_START_DEADLINE_S = 600.0  # recovery after a crash may have much to replay
_SOCKET_PATH_LIMIT_BYTES = 107

# Statements and details stay out of the log, because they hold buyers' data.
_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "log_checkpoints": "off",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """How the server of one home is made and started."""

    home: Home
    binaries: Binaries
    identity: Identity
    options: Mapping[str, str]

    def make(self) -> None:
        """Make the data directory unless it is there; a half made one never is.

        Raises: SettingsError if it is another version's, or cannot be made.
        """
        version = self.home.cluster / "PG_VERSION"
        if version.exists():
            self._refuse_other_version(version.read_text(encoding="ascii").strip())
            self._own(self.home.cluster)
            return
        if not self.home.password.exists():
            write_password(self.home)
        for half in self.home.folder.glob("postgres.making-*"):
            shutil.rmtree(half, ignore_errors=True)
        making = Path(tempfile.mkdtemp(prefix="postgres.making-", dir=self.home.folder))
        self._own(making)
        self._run(*self._initdb(making), statement=None)
        self._run(
            *(self.binaries.postgres, "--single", "-D", str(making), "-c", "fsync=off", "postgres"),
            statement=f"CREATE DATABASE {DATABASE} OWNER {USER} TEMPLATE template0\n",
        )
        making.rename(self.home.cluster)

    def start(self, port: int | None) -> tuple["subprocess.Popen[bytes]", int]:
        """Start Postgres, at *port* if that is free; return its process and port once it takes connections.

        Call it from the main thread: Postgres is told to stop when the thread that started it ends.

        Raises: SettingsError with the server's own words.
        """
        end_leftovers(self.home.cluster)
        if self.home.log.exists() and self.home.log.stat().st_size > _LOG_LIMIT_BYTES:
            self.home.log.unlink()
        for _ in range(_START_TRIES):
            chosen = port if port is not None and _is_free(port) else _free_port()
            with self.home.log.open("ab") as log:
                process = subprocess.Popen(  # noqa: S603  # fixed programs, no shell
                    self.identity.command(*self._postgres(chosen)),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                )
            if self._became_ready(process):
                return process, chosen
        raise SettingsError(f"the embedded PostgreSQL does not start: {self._last_words()} (see {self.home.log})")

    def _became_ready(self, process: "subprocess.Popen[bytes]") -> bool:
        deadline = time.monotonic() + _START_DEADLINE_S
        while process.poll() is None:
            lines = _postmaster_lines(self.home.cluster)
            if lines[:1] == [str(process.pid)] and lines[7:] and lines[7].strip() == "ready":
                return True
            if time.monotonic() > deadline:
                process.send_signal(signal.SIGQUIT)
                process.wait()
                raise SettingsError(f"the embedded PostgreSQL was not ready in {_START_DEADLINE_S:.0f} s")
            time.sleep(_POLL_S)
        return False

    def _initdb(self, folder: Path) -> list[str]:
        sync = ["--no-sync"] if self.options.get("fsync") == "off" else []
        login = [f"--username={USER}", f"--pwfile={self.home.password}", "--auth=scram-sha-256"]
        return [self.binaries.initdb, "-D", str(folder), "--locale=C.UTF-8", "--encoding=UTF8", *login, *sync]

    def _postgres(self, port: int) -> list[str]:
        options = {**_OPTIONS, "unix_socket_directories": self._socket_folder(port), **self.options, "port": str(port)}
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [self.binaries.postgres, "-D", str(self.home.cluster), *settings]

    def _socket_folder(self, port: int) -> str:
        longest = self.home.cluster / f".s.PGSQL.{port}.lock"
        fits = len(os.fsencode(longest)) <= _SOCKET_PATH_LIMIT_BYTES and '"' not in str(longest)
        return f'"{self.home.cluster}"' if fits else ""

    def _refuse_other_version(self, written_by: str) -> None:
        if written_by != str(self.binaries.major):
            raise SettingsError(
                f"data_dir {self.home.folder} was written by PostgreSQL {written_by}, and {self.binaries.folder} holds"
                f" {self.binaries.major}: install PostgreSQL {written_by}, or dump there and restore in a new data_dir"
            )

    def _own(self, folder: Path) -> None:
        owner = self.identity.owner
        if owner is None or folder.stat().st_uid == owner:
            return
        for inside in folder.rglob("*"):
            os.chown(inside, owner, -1, follow_symlinks=False)
        os.chown(folder, owner, -1)

    def _run(self, *command: str, statement: str | None) -> None:
        done = subprocess.run(  # noqa: S603  # fixed programs, no shell
            self.identity.command(*command),
            input=statement or "",
            capture_output=True,
            text=True,
            cwd="/",
            check=False,
        )
        if done.returncode != 0:
            raise SettingsError(f"{Path(command[0]).name} failed: {' '.join(done.stderr.split()) or 'without a word'}")

    def _last_words(self) -> str:
        lines = self.home.log.read_text(encoding="utf-8", errors="replace").splitlines()
        fatal = [line for line in lines if "FATAL" in line]
        return (fatal or lines or ["it said nothing"])[-1].strip()


def write_password(home: Home) -> None:
    """Choose the password of the only role."""
    descriptor = os.open(home.password, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(24))


def end_leftovers(cluster: Path) -> None:
    """Wait for the processes of an earlier server of *cluster* to end, and end those that do not.

    They are known by their working directory, as a recorded id may by now be a zombie's or somebody else's. Call it
    under the supervisor's lock only: then no server of this directory is meant to run.
    """
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        for process_id in _left_after_a_while(cluster):
            _signal(process_id, number)
    if left := _left_after_a_while(cluster):
        raise SettingsError(f"an earlier PostgreSQL of {cluster} does not end (processes {left})")
    _forget(cluster)


def _left_after_a_while(cluster: Path) -> list[int]:
    """Wait until no process of *cluster* is left or it is time to lose patience; return those that are."""
    began = time.monotonic()
    while left := _processes_in(cluster):
        shutting_down = _postmaster_lines(cluster)[:1] in [[str(process_id)] for process_id in left]
        if time.monotonic() - began > (_SHUTDOWN_S if shutting_down else _ORPHANS_S):
            break
        time.sleep(_POLL_S)
    return left


def _signal(process_id: int, number: int) -> None:
    try:
        os.kill(process_id, number)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise SettingsError(f"process {process_id}, an earlier PostgreSQL, is another user's: end it first") from error


def _processes_in(folder: Path) -> list[int]:
    """Ids of live Postgres processes that work in *folder*; a zombie has no working directory any more."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.joinpath("comm").read_text(encoding="utf-8", errors="replace").strip() != "postgres":
                continue
            if process.joinpath("cwd").readlink() == folder:
                found.append(int(process.name))
        except OSError:
            continue  # it ended meanwhile, or it is not ours to look at
    return found


def _forget(cluster: Path) -> None:
    """Remove what a killed server left, where its number now belongs to a zombie or a stranger, so that it looks alive.

    Without any such process the pid file stays: Postgres then looks for the memory of the old server by it.
    """
    for socket_or_lock in cluster.glob(".s.PGSQL.*"):
        socket_or_lock.unlink()
    lines = _postmaster_lines(cluster)
    if lines and Path("/proc", lines[0].strip()).exists():
        (cluster / "postmaster.pid").unlink(missing_ok=True)


def _postmaster_lines(cluster: Path) -> list[str]:
    try:
        return (cluster / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port
