"""What a pass counts of its outcomes."""

from dataclasses import dataclass, field

from rocksync.domain.outcomes import Accepted, Forgotten, Held, Outcome, PassReport, Postponed, Refused, Skipped


@dataclass(slots=True)
class Tally:
    """Outcomes of one pass, as they are recorded."""

    complete: bool = False
    sent: int = 0
    unchanged: int = 0
    skipped: int = 0
    postponed: int = 0
    held: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    actions: dict[str, int] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Count one."""
        delivery = getattr(outcome, "delivery", None)
        if delivery is not None:
            self.sent += 1
            for action in delivery.action.split():
                self.actions[action] = self.actions.get(action, 0) + 1
        match outcome:
            case Accepted(delivery=None):
                self.unchanged += 1
            case Skipped() | Forgotten():
                self.skipped += 1
            case Postponed():
                self.postponed += outcome.doubtful
            case Held():
                self.held += 1
            case Refused():
                self.refused[outcome.reason] = self.refused.get(outcome.reason, 0) + 1

    def report(self) -> PassReport:
        """What the pass has to tell."""
        return PassReport(
            complete=self.complete,
            sent=self.sent,
            unchanged=self.unchanged,
            skipped=self.skipped,
            refused=sum(self.refused.values()),
            refused_by=self.refused,
            postponed=self.postponed,
            held=self.held,
            actions=self.actions,
        )
