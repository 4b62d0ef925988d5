"""What the client keeps of each tenant: its tokens and its pace; the least recently used are forgotten."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from rocksync.domain.tenancy import TenantId
from rocksync.pluggto.auth import Session
from rocksync.pluggto.limiter import Limiter

_KEPT = 20_000
_LOOKED_AT = 8


@dataclass(slots=True)
class Account:
    """One tenant's session and limiter."""

    limiter: Limiter
    session: Session = field(default_factory=Session, repr=False)


class Accounts:
    """Accounts by tenant, made when first asked for."""

    def __init__(self, limiter: Callable[[], Limiter], *, kept: int = _KEPT) -> None:
        self._limiter = limiter
        self._kept = kept
        self._accounts: OrderedDict[TenantId, Account] = OrderedDict()

    def of(self, tenant: TenantId) -> Account:
        """The account of *tenant*."""
        account = self._accounts.get(tenant)
        if account is None:
            account = self._accounts[tenant] = Account(self._limiter())
            self._shrink()
        else:
            self._accounts.move_to_end(tenant)
        return account

    def forget(self, tenant: TenantId) -> None:
        """Drop the tokens of *tenant*, and that a login of it was refused."""
        account = self._accounts.get(tenant)
        if account is not None:
            account.session.forget()

    def pardon(self, tenant: TenantId) -> None:
        """Drop that a login of *tenant* was refused; tokens that are good stay."""
        account = self._accounts.get(tenant)
        if account is not None:
            account.session.failure = None

    def _shrink(self) -> None:
        """Forget old accounts beyond what is kept, unless they are in use just now."""
        excess = len(self._accounts) - self._kept
        for tenant in list(self._accounts)[: _LOOKED_AT if excess > 0 else 0]:
            account = self._accounts[tenant]
            if excess > 0 and account.limiter.idle and account.session.idle:
                del self._accounts[tenant]
                excess -= 1
