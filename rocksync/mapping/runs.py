"""What leaves the room of mappers running: for metrics. Holds no SKU, order or message."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rocksync.domain.errors import ItemError
from rocksync.domain.reasons import BY_MAPPER
from rocksync.mapping.hosts import Crew


@dataclass(frozen=True, slots=True, kw_only=True)
class MapperRun:
    """A batch that went through a tenant's mappers: how many items, the time in all, and failures by mapper."""

    mappers: tuple[str, ...]
    items: int
    took_s: float
    failed: Mapping[str, int]


Observe = Callable[[MapperRun], None]


def unseen(run: MapperRun) -> None:
    """Let *run* pass unseen."""


def summed_up(crew: Crew, answers: Sequence[object], took_s: float) -> MapperRun:
    """Return what is told of a batch."""
    names = tuple(member.source.name for member in crew.members)
    faults = [each.detail for each in answers if isinstance(each, ItemError) and each.reason in BY_MAPPER]
    failed = Counter(_culprit(names, detail) for detail in faults)
    return MapperRun(mappers=names, items=len(answers), took_s=took_s, failed=failed)


def _culprit(names: Sequence[str], detail: str) -> str:
    """Return which mapper a failure is of: its text begins with it; one without a place is laid to the first."""
    return next((name for name in names if detail.startswith(f"mapper {name},")), names[0])
