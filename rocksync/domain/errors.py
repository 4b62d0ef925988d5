"""Errors, named by how much they stop: a caller needs nothing else to act."""

from rocksync.domain.reasons import Reason
from rocksync.domain.tenancy import Lease


class ItemError(Exception):
    """One item cannot be delivered as it is; the pass goes on.

    ``final`` tells that trying again without a change is pointless: the item is quarantined at once instead of after
    several attempts. ``wake`` names a product item to look at again, as it may stand in the way.
    """

    def __init__(
        self,
        key: str,
        detail: str,
        *,
        reason: Reason = Reason.INVALID_ITEM,
        final: bool = True,
        wake: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.key = key
        self.detail = detail
        self.reason = reason
        self.final = final
        self.wake = wake


class MissingAtHubError(ItemError):
    """The hub does not have a SKU that it once accepted: its product is to be created again."""


class PassError(Exception):
    """One pass cannot go on; what is recorded stays, and no item is blamed.

    ``late_s``: seconds for which what was sent last may still be carried out.
    """

    def __init__(
        self,
        detail: str,
        *,
        reason: Reason = Reason.HUB_UNAVAILABLE,
        retry_after_s: float | None = None,
        late_s: float = 0.0,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.reason = reason
        self.retry_after_s = retry_after_s
        self.late_s = late_s


class LeaseLostError(PassError):
    """Another worker has taken the pass over: nothing of it may be written any more."""

    @classmethod
    def taken_over(cls, lease: Lease) -> "LeaseLostError":
        """What it means that *lease* is not held any more."""
        return cls(f"another worker has taken over {lease.tenant.slug} {lease.kind}", retry_after_s=0)


class UnrecordedError(PassError):
    """What the pass delivered could not be written down: nobody knows for sure what the hub holds."""

    @classmethod
    def since(cls, error: PassError) -> "UnrecordedError":
        """What *error* means where something may have been delivered before it."""
        return cls(error.detail, reason=error.reason, retry_after_s=error.retry_after_s)


class TenantError(Exception):
    """One tenant is to be stopped until somebody acts; the others go on."""

    def __init__(self, detail: str, *, reason: Reason = Reason.NEEDS_CREDENTIALS) -> None:
        super().__init__(detail)
        self.detail = detail
        self.reason = reason


class SettingsError(Exception):
    """The process cannot start: the message names everything wrong and what to do."""


class MisuseError(Exception):
    """What an operator asked for cannot be done as it is asked: the message says why and what to do."""
