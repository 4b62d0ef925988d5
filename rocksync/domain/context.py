"""Which pass the running code belongs to: what is logged below a pass names it, without being told."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass

from rocksync.domain.tenancy import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class PassContext:
    """One pass: ``id`` is its lease token."""

    tenant: str
    kind: Kind
    id: int


_current: ContextVar[PassContext | None] = ContextVar("rocksync_pass", default=None)


def current_pass() -> PassContext | None:
    """Return the pass that the running code belongs to, if any."""
    return _current.get()


@contextlib.contextmanager
def in_pass(tenant: str, kind: Kind, token: int) -> Iterator[None]:
    """Let the code inside, and the tasks it starts, belong to a pass."""
    reset = _current.set(PassContext(tenant=tenant, kind=kind, id=token))
    try:
        yield
    finally:
        _current.reset(reset)
