"""Runs ``rocksync`` in processes forked from one that has everything imported: ``python -m tests.cli.forked FD``.

Of a command's half second, most is importing. Each command still has a process, a folder, an environment and standard
streams of its own; that modules import what they need is seen where commands are started anew.
"""

import asyncio
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]
_MAX_REQUEST = 64 * 1024
_STREAMS = 3


class Forked:
    """The process to fork from."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control

    @classmethod
    @contextlib.asynccontextmanager
    async def started(cls) -> AsyncIterator["Forked"]:
        """Start it, and end it; it ends with this process too."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.cli.forked", str(theirs.fileno())),
                pass_fds=[theirs.fileno()],
                cwd=_ROOT,
                stdin=asyncio.subprocess.DEVNULL,
            )
        with ours:
            yield cls(ours)
        await process.wait()

    async def run(
        self, arguments: Sequence[str], *, environment: Mapping[str, str], folder: Path, given: str
    ) -> tuple[int, bytes, bytes]:
        """Return the exit code of one command, its output and its errors."""
        request = json.dumps({"arguments": arguments, "environment": dict(environment), "folder": str(folder)}).encode()
        assert len(request) < _MAX_REQUEST
        standard_input, into = os.pipe()
        os.write(into, given.encode())
        os.close(into)
        ends = [os.pipe() for _ in range(_STREAMS)]
        theirs = [standard_input, *(write for _, write in ends)]
        socket.send_fds(self._control, [request], theirs)
        for fd in theirs:
            os.close(fd)
        out, err, code = await asyncio.gather(*(_read(read) for read, _ in ends))
        return int(code), out, err


async def _read(fd: int) -> bytes:
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(fd, "rb", 0)
    )
    try:
        return await reader.read()
    finally:
        transport.close()


def _serve(control: socket.socket) -> None:
    """Fork for each request; return in the process that is to run the command, or end with the tests."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # those that wait are not waited for
    while True:
        request, fds, _, _ = socket.recv_fds(control, _MAX_REQUEST, _STREAMS + 1)
        if not request:
            sys.exit()
        if os.fork() == 0:
            control.close()
            _command(json.loads(request), fds)
            return
        for fd in fds:
            os.close(fd)


def _command(request: dict[str, Any], fds: list[int]) -> None:
    """Return in the command's process; the other one waits for it and tells how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *streams, told = fds
    process = os.fork()
    if process:
        for fd in (*streams, *range(_STREAMS)):
            os.close(fd)
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        os.write(told, str(code).encode())
        os._exit(0)
    os.close(told)
    for number, fd in enumerate(streams):
        os.dup2(fd, number)
        os.close(fd)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv[1:] = request["arguments"]


if __name__ == "__main__":
    for module in pkgutil.walk_packages([str(_ROOT / "rocksync")], "rocksync."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    gc.freeze()
    _serve(socket.socket(fileno=int(sys.argv[1])))
    importlib.import_module("rocksync.cli.main").main()
