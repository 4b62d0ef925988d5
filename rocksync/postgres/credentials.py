"""Credentials of tenants: sealed before they are stored, opened only to log in."""

import logging
from dataclasses import dataclass, field

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from rocksync import sql
from rocksync.domain.errors import PassError, SettingsError, TenantError
from rocksync.domain.reasons import Reason
from rocksync.domain.tenancy import Credentials, TenantId
from rocksync.postgres.changing import audited, changing
from rocksync.postgres.vault import MissingKeyError, UnsealError, Vault

_QUERIES = sql.load("rocksync.postgres", "credentials.sql")
_PAGE = 100
_SECRETS = ("client_id", "client_secret", "api_user", "api_secret")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealing:
    """How many credentials were sealed, and of which tenants (slug to reason) they could not be."""

    sealed: int
    refused: dict[str, str] = field(default_factory=dict)


class CredentialStore:
    """``rocksync.credential`` and its inbox."""

    def __init__(self, pool: asyncpg.Pool, vault: Vault) -> None:
        self._pool = pool
        self._vault = vault

    async def check_keys(self) -> None:
        """Raise SettingsError if there are credentials, and our keys open none of them: the keys are the wrong ones."""
        rows = await self._pool.fetch(_QUERIES.key_ids)
        foreign = [row for row in rows if row["key_id"] not in self._vault.key_ids]
        if rows and len(foreign) == len(rows):
            raise SettingsError(
                "secrets.keys opens no tenant's credentials: they are sealed with key"
                f" {foreign[0]['key_id'].hex()}, and here is {self._vault.key_ids[0].hex()}: set the keys used before"
            )

    async def get(self, tenant: TenantId) -> Credentials:
        """Return a tenant's credentials.

        Raises: TenantError if there are none, or none that can be opened; PassError if only our keys are lacking.
        """
        row = await self._pool.fetchrow(_QUERIES.sealed, tenant)
        if row is None:
            raise TenantError("the tenant was removed")
        if row["sealed"] is None:
            raise TenantError(f"there are no credentials: `rocksync tenant credentials {row['slug']}` takes them")
        try:
            return self._vault.open(tenant, row["sealed"])
        except MissingKeyError as error:  # which is a matter of this process, and not of the tenant
            raise PassError(f"this process cannot open the credentials: {error}", reason=Reason.PENDING) from None
        except UnsealError as error:
            raise TenantError(f"{error} (`rocksync tenant credentials {row['slug']}`)") from None

    async def handed_in(self, tenant: TenantId) -> Credentials | None:
        """Return what SQL handed in and nobody has sealed yet. Raises: TenantError if it cannot be opened."""
        row = await self._pool.fetchrow(_QUERIES.handed_in, tenant)
        if row is None:
            return None
        try:
            return self._open(row)
        except UnsealError as error:
            raise TenantError(str(error)) from None

    async def replace(self, tenant: TenantId, slug: str, credentials: Credentials, *, operator: str | None) -> None:
        """Store other credentials; a tenant that was stopped for want of them is served again."""
        async with changing(self._pool, operator) as connection:
            await store_credentials(connection, self._vault, tenant, credentials)
            await audited(connection, "tenant credentials", tenant, slug)

    async def seal_inbox(self) -> Sealing:
        """Seal what SQL handed in and wipe it; what cannot be opened stays, sealed, and is told.

        Any number may run at once. Plain text may outlive a call, while a transaction older than its removal goes on: a
        later call wipes it.
        """
        sealed, refused, after = 0, dict[str, str](), 0
        while True:
            async with self._pool.acquire() as connection, connection.transaction():
                rows = await connection.fetch(_QUERIES.inbox, after, _PAGE)
                for row in rows:
                    after = row["tenant_id"]
                    try:
                        credentials = self._open(row)
                    except UnsealError as error:
                        refused[row["slug"]] = str(error)
                        is_stopped = await connection.execute(_QUERIES.refuse_inbox, after, str(error)) == "UPDATE 1"
                        if await self._hide(connection, row) or is_stopped:
                            _log.warning("credentials_refused", extra={"tenant": row["slug"], "detail": str(error)})
                        continue
                    await store_credentials(connection, self._vault, TenantId(after), credentials)
                    sealed += 1
            if len(rows) < _PAGE:
                break
        if await self._pool.fetchval(_QUERIES.has_residue):
            await self._pool.execute(_QUERIES.vacuum_inbox)
        if sealed:
            _log.info("credentials_sealed", extra={"tenants": sealed})
        return Sealing(sealed=sealed, refused=refused)

    async def rotate(self) -> Sealing:
        """Seal all credentials again that are not under the newest key."""
        sealed, refused, after = 0, dict[str, str](), 0
        while True:
            async with self._pool.acquire() as connection, connection.transaction():
                rows = await connection.fetch(_QUERIES.page, after, _PAGE)
                for row in rows:
                    after = row["tenant_id"]
                    if not self._vault.needs_rotation(row["sealed"]):
                        continue
                    try:
                        credentials = self._vault.open(TenantId(after), row["sealed"])
                    except UnsealError as error:
                        refused[row["slug"]] = str(error)
                        continue
                    await connection.execute(_QUERIES.seal_again, after, self._vault.seal(TenantId(after), credentials))
                    sealed += 1
            if len(rows) < _PAGE:
                return Sealing(sealed=sealed, refused=refused)

    async def _hide(self, connection: PoolConnectionProxy, row: asyncpg.Record) -> bool:
        """Seal what is plain of an inbox row that cannot be opened as a whole; returns whether anything was."""
        texts = [self._vault.hide_text(row[name], row["slug"]) for name in _SECRETS]
        is_plain = texts != [row[name] for name in _SECRETS]
        if is_plain:
            await connection.execute(_QUERIES.hide_inbox, row["tenant_id"], *texts)
        return is_plain

    def _open(self, row: asyncpg.Record) -> Credentials:
        return Credentials(**{name: self._vault.open_text(row[name], row["slug"]).strip() for name in _SECRETS})


async def store_credentials(
    connection: PoolConnectionProxy, vault: Vault, tenant: TenantId, credentials: Credentials
) -> None:
    """Seal and store a tenant's credentials in the transaction of *connection*, and wake the workers for it."""
    await connection.execute(_QUERIES.store, tenant, vault.seal(tenant, credentials))
    await connection.execute(_QUERIES.empty_inbox, tenant)
    await connection.execute(_QUERIES.serve_again, tenant)
    await connection.execute(_QUERIES.tell, tenant)
