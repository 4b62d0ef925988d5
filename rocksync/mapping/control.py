"""What the worker tells the process that hosts are forked from."""

import struct
from enum import IntEnum

# Command, then its argument: a process id, or megabytes. The answer repeats the command with a result.
ORDER = struct.Struct("!Bq")


class Command(IntEnum):
    """FORK: a host, its socket and page are passed along. DUMP: its stack. END: kill it, and say how it ended."""

    FORK = 1
    DUMP = 2
    END = 3
