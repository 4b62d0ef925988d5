"""The process between an embedded server and its users: it lives as long as any of them, and the server as long as it.

``python -m rocksync.postgres.supervisor FOLDER BINARIES PORT [OPTION=VALUE ...]``, started by
``embedded.py``, which hands it ``supervisor.lock`` open and locked. It

- keeps one Postgres running, at the same port, starting it again should it be killed;
- stops it when no process holds ``users.lock`` any more; it needs no goodbye, so users may be killed;
- if killed itself takes Postgres along (the kernel tells it), and the first user to notice starts another.

It ignores the signals by which a terminal or an init system ends a whole group: the users decide, by ending.
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from rocksync.domain.errors import SettingsError
from rocksync.postgres.embedded_binaries import find_binaries, identity
from rocksync.postgres.embedded_home import Home, write_secret
from rocksync.postgres.embedded_server import Server

_STOP_S = 60.0
_TOO_SOON_S = 1.0
_TRIES = 5


class Supervisor:
    """Keeps *server* running until nobody uses it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._unused = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, port: int | None) -> None:
        """Return when the server was stopped because nobody uses it.

        Raises: SettingsError if it does not start, or ends again and again as soon as it is started.
        """
        self._server.make()
        threading.Thread(target=self._wait_until_unused, daemon=True).start()
        quick_ends, published = 0, None
        while not self._unused.is_set() and quick_ends < _TRIES:
            began = time.monotonic()
            self._process, port = self._server.start(port)
            if port != published:
                self._server.home.publish(port)
                published = port
            if self._unused.is_set():
                self._stop()
            self._process.wait()
            quick_ends = quick_ends + 1 if time.monotonic() - began < _TOO_SOON_S else 0
        if not self._unused.is_set():
            raise SettingsError(f"the embedded PostgreSQL ends as soon as it starts (see {self._server.home.log})")

    def _wait_until_unused(self) -> None:
        users = self._server.home.open_lock("users")
        fcntl.flock(users, fcntl.LOCK_EX)  # kept until this process ends, so that nobody joins a server that stops
        self._unused.set()
        self._stop()

    def _stop(self) -> None:
        process = self._process
        if process is None:
            return
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=_STOP_S)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)


def main(arguments: Sequence[str]) -> int:
    """Run as told above; what goes wrong is left in the home's failure file."""
    folder, binaries_folder, port, *options = arguments
    if os.fork():
        os._exit(0)  # whoever started it need not wait for it, nor reap it
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    home = Home(folder=Path(folder))
    try:
        binaries = find_binaries(Path(binaries_folder))
        server = Server(
            home=home,
            binaries=binaries,
            identity=identity(binaries, home.folder, home.cluster),
            options=dict(option.split("=", 1) for option in options),
        )
        Supervisor(server).run(int(port) or None)
    except (SettingsError, OSError) as error:
        write_secret(home.failure, str(error).encode("ascii", "backslashreplace").decode("ascii"))
        traceback.print_exc()
        return 2
    finally:
        with contextlib.suppress(FileNotFoundError):
            home.dsn.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
