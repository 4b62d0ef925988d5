"""The machine: what it is, how its cores are shared out, and what processes use of it."""

import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WORKER_CORE, HUB_CORE = 0, 1
_LOOPS = 1_000_000
_TICKS = os.sysconf("SC_CLK_TCK")


def pin(core: int) -> None:
    """Keep this process, and what it starts, on one core; where there are fewer, on any."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(0, {cores[core % len(cores)]})


def described() -> dict[str, Any]:
    """What the report notes of the machine."""
    cpu = next(
        (line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "unknown"
    )
    memory_kb = next(int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal"))
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gb": round(memory_kb / 2**20, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


@dataclass(frozen=True, slots=True)
class Jiffies:
    """How busy the whole machine was up to now, in ticks."""

    busy: int
    total: int

    @classmethod
    def now(cls) -> "Jiffies":
        """Read them."""
        numbers = [int(word) for word in _lines("/proc/stat")[0].split()[1:9]]
        return cls(sum(numbers) - numbers[3] - numbers[4], sum(numbers))

    def busy_cores(self, since: "Jiffies") -> float:
        """Cores in use, by anybody, since then."""
        return (self.busy - since.busy) / max(self.total - since.total, 1) * (os.cpu_count() or 1)


def loop_ms() -> float:
    """CPU that a fixed loop of Python takes just now, at best of three: a virtual machine has slow hours."""
    return min(_loop_ms() for _ in range(3))


def _loop_ms() -> float:
    began = time.process_time()
    total = 0
    for number in range(_LOOPS):
        total += number * number
    return (time.process_time() - began) * 1000


def family(pid: int) -> list[int]:
    """*pid* and all processes under it."""
    children: dict[int, list[int]] = {}
    for each in _pids():
        parent = _parent(each)
        if parent is not None:
            children.setdefault(parent, []).append(each)
    found, queue = [], [pid]
    while queue:
        found.append(queue.pop())
        queue += children.get(found[-1], [])
    return found


def cpu_s(pids: list[int]) -> float:
    """Seconds of CPU that *pids*, and children of theirs that have ended, used so far."""
    return sum(_ticks(pid) for pid in pids) / _TICKS


def rss_mb(pid: int) -> float:
    """Resident memory of one process."""
    return _status_kb(pid, "VmRSS") / 1024


def peak_mb(pid: int) -> float:
    """The most that one process ever had resident."""
    return _status_kb(pid, "VmHWM") / 1024


def _status_kb(pid: int, name: str) -> int:
    return next((int(line.split()[1]) for line in _lines(f"/proc/{pid}/status") if line.startswith(name)), 0)


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]


def _fields(pid: int) -> list[str]:
    text = "".join(_lines(f"/proc/{pid}/stat"))
    return text.rpartition(")")[2].split()


def _parent(pid: int) -> int | None:
    fields = _fields(pid)
    return int(fields[1]) if fields else None


def _ticks(pid: int) -> int:
    fields = _fields(pid)
    return sum(int(word) for word in fields[11:15]) if fields else 0


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []
