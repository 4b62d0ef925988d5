"""How much is measured: all of it, or a subset that takes minutes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``repeats``: runs of which the median counts; ``scale`` shrinks sizes further, to try a scenario out."""

    quick: bool
    repeats: int
    scale: float = 1.0

    def size(self, *, quick: int, full: int) -> int:
        """How many of something."""
        return max(int((quick if self.quick else full) * self.scale), 1)

    def seconds(self, *, quick: float, full: float) -> float:
        """How long."""
        return (quick if self.quick else full) * self.scale
