"""The process that mapper hosts are forked from, and a host itself: ``python -m rocksync.mapping.host FD``.

One host serves one tenant, so that nothing a mapper changes in its process is seen by another one's. Forking from a
process that has everything imported takes milliseconds. The parent process stops a host from outside: a mapper cannot
be trusted to return.
"""

import contextlib
import ctypes
import faulthandler
import gc
import mmap
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import msgspec

from rocksync.domain.catalog import Price, Stock
from rocksync.domain.errors import ItemError
from rocksync.domain.orders import HubOrder, StoreOrder
from rocksync.domain.reasons import Reason
from rocksync.mapping import modules
from rocksync.mapping.control import ORDER, Command
from rocksync.mapping.rules import MapperRules
from rocksync.mapping.wire import (
    ENCODER,
    HEADER,
    LOADS,
    PROGRESS,
    ROWS,
    SOURCES,
    STACK_AT,
    Complaints,
    Examined,
    Failed,
    Left,
    Loaded,
    MappedOrder,
    MappedParcel,
    MappedPrice,
    MappedStock,
    Op,
    frame,
    mark,
)

_exit = os._exit
_FLUSH_S = 0.005
_DEATH_SIGNAL = 1
# Rows are garbage without cycles: looking for cycles as often as by default costs more than mapping them.
_COLLECT_AFTER = (20_000, 20, 20)


def serve_forks(control: socket.socket) -> NoReturn:
    """Fork hosts, dump their stacks and end them, as told over *control*; its end is the end of them all."""
    gc.collect()
    gc.freeze()
    children: set[int] = set()
    while True:
        message, descriptors = _receive(control)
        if not message:
            for child in children:
                _kill(child)
            os._exit(0)
        command, argument = ORDER.unpack(message)
        reply = 0
        if command == Command.FORK:
            reply = os.fork()
            if reply == 0:
                control.close()
                _become_host(socket.socket(fileno=descriptors[0]), descriptors[1], argument)
            children.add(reply)
            for descriptor in descriptors:
                os.close(descriptor)
        elif argument in children:
            reply = _dump(argument) if command == Command.DUMP else _end(argument)
            children.discard(argument if command == Command.END else 0)
        control.sendall(ORDER.pack(command, reply))


def _receive(control: socket.socket) -> tuple[bytes, list[int]]:
    message, descriptors = b"", []
    while len(message) < ORDER.size:
        part, more, _, _ = socket.recv_fds(control, ORDER.size - len(message), 2)
        if not part:
            return b"", []
        message += part
        descriptors += more
    return message, descriptors


def _dump(child: int) -> int:
    os.kill(child, signal.SIGCONT)  # one that has stopped itself would not hear it
    os.kill(child, signal.SIGUSR1)
    return 0


def _end(child: int) -> int:
    _kill(child)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _kill(child: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)


def _become_host(channel: socket.socket, page: int, memory_mb: int) -> NoReturn:
    os.setpgid(0, 0)  # a group to be killed as one
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)
    _close_all_but(channel.fileno(), page)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    _limit_memory(memory_mb)
    gc.set_threshold(*_COLLECT_AFTER)
    shared = mmap.mmap(page, STACK_AT)
    os.lseek(page, STACK_AT, os.SEEK_SET)
    _tell_where(page)
    try:
        Host(channel, memoryview(shared)[: PROGRESS.size].cast("Q")).serve()
    finally:
        _exit(0)


def _tell_where(page: int) -> None:
    """Have it written to *page* where this process is when it is asked, crashes or is ended by a mapper."""
    faulthandler.register(signal.SIGUSR1, file=page, all_threads=False)
    faulthandler.enable(file=page, all_threads=False)

    def told(status: int) -> NoReturn:
        faulthandler.dump_traceback(file=page, all_threads=False)
        _exit(status)

    os._exit = told


def _close_all_but(*kept: int) -> None:
    """What the parent has open, the worker's standard error among it, is no business of a mapper."""
    first = 3
    for descriptor in sorted(kept):
        os.closerange(first, descriptor)
        first = descriptor + 1
    os.closerange(first, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _limit_memory(memory_mb: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    used = 0
    with contextlib.suppress(OSError), open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 # no Path in a fork
        used = int(file.read().split()[0]) * resource.getpagesize()
    limit = used + memory_mb * 1024 * 1024
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


class Host:
    """Answers the requests that come over *channel*; ``progress`` is seen by the worker at any time."""

    def __init__(self, channel: socket.socket, progress: memoryview) -> None:
        self._channel = channel
        self._progress = progress
        self._rules: MapperRules | None = None
        self._out: list[msgspec.Struct] = []
        self._answered = 0
        self._flushed_at = 0.0

    def serve(self) -> None:
        """Answer until the channel ends."""
        with self._channel.makefile("rb") as requests:
            while header := requests.read(HEADER.size):
                size, operation, start = HEADER.unpack(header)
                self._answer(Op(operation), requests.read(size), start)
                self._flush()

    def _answer(self, op: Op, body: bytes, start: int) -> None:
        self._flushed_at = time.monotonic()
        match op:
            case Op.LOAD:
                self._each([body], self._load, start)
            case Op.EXAMINE:
                self._each([body], self._examine, start)
            case Op.SETTINGS:
                self._each([body], self._settings, start)
            case _:
                self._each(ROWS[op].decode(body), self._convert(op), start)

    def _each(self, rows: Iterable[Any], convert: Callable[[Any], msgspec.Struct], start: int) -> None:
        progress = self._progress
        for number, row in enumerate(rows, start=start + 1):
            progress[0] = number
            self._out.append(_attempt(convert, row))
            if time.monotonic() - self._flushed_at > _FLUSH_S:
                self._flush()
        progress[0] = 0

    def _flush(self) -> None:
        self._progress[0] = self._progress[1] = 0
        if self._out:
            self._channel.sendall(frame(0, ENCODER.encode(self._out), start=self._answered))
            self._answered += len(self._out)
            self._out = []
        self._flushed_at = time.monotonic()

    def _at(self, what: int) -> None:
        self._progress[1] = what

    def _load(self, body: bytes) -> msgspec.Struct:
        request = LOADS.decode(body)
        loaded = []
        for number, source in enumerate(request.sources, start=1):
            self._at(mark(number, None))
            loaded.append(modules.load(source))
        self._rules = MapperRules(request.tenant, loaded, self._at, samples=request.samples)
        return Loaded()

    def _examine(self, body: bytes) -> msgspec.Struct:
        self._at(mark(1, None))
        mapper = modules.load(SOURCES.decode(body))
        return Examined(mapper.hooks)

    def _settings(self, _: bytes) -> msgspec.Struct:
        return Complaints(self._loaded().complaints())

    def _loaded(self) -> MapperRules:
        if self._rules is None:
            raise RuntimeError("a host was asked to map before it was told to load")
        return self._rules

    def _convert(self, op: Op) -> Callable[[Any], msgspec.Struct]:
        rules = self._loaded()

        def price(row: Price) -> msgspec.Struct:
            payload = rules.price(row, creating=False)
            return _KEPT if payload is None else MappedPrice(payload["price"], payload["special_price"])

        def stock(row: Stock) -> msgspec.Struct:
            payload = rules.stock(row, creating=False)
            return _KEPT if payload is None else MappedStock(payload["quantity"])

        def order(row: HubOrder) -> msgspec.Struct:
            return MappedOrder(rules.order(row))

        def parcel(row: StoreOrder) -> msgspec.Struct:
            return MappedParcel(rules.invoice(row), rules.shipment(row))

        converters: dict[Op, Callable[[Any], msgspec.Struct]] = {
            Op.PRODUCTS: rules.listing,
            Op.PRICES: price,
            Op.STOCKS: stock,
            Op.ORDERS: order,
            Op.PARCELS: parcel,
        }
        return converters[op]


_KEPT = Left(Reason.NOT_SELECTED, "a mapper leaves it at Plugg.to as it is")


def _attempt(convert: Callable[[Any], msgspec.Struct], row: object) -> msgspec.Struct:
    try:
        return convert(row)
    except ItemError as error:
        return Failed(error.reason, error.detail, error.final)
    except modules.BrokenMapperError as error:
        return Failed(Reason.MAPPER_ERROR, error.detail, True, error.file, error.line)
    except BaseException as error:  # noqa: BLE001 # what mappers leave behind may raise anywhere
        return Failed(Reason.MAPPER_ERROR, modules.describe(error))


if __name__ == "__main__":
    # Not of the terminal's group, but of the worker's session: the kernel may weigh priorities within sessions only.
    os.setpgid(0, 0)
    serve_forks(socket.socket(fileno=int(sys.argv[1])))
