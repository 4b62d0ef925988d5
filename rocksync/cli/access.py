"""What commands work on: the database and its repositories, opened for one command."""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rocksync.postgres.credentials import CredentialStore
from rocksync.postgres.desk import Desk
from rocksync.postgres.fleet import Fleet
from rocksync.postgres.opening import Database, open_database
from rocksync.postgres.tenants import NewTenant, Tenants
from rocksync.postgres.vault import Vault, keys_of
from rocksync.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The repositories of one command. *operator* is whom the audit table names."""

    settings: Settings
    database: Database
    tenants: Tenants
    fleet: Fleet
    desk: Desk
    operator: str

    def new_tenant(
        self, slug: str, name: str, domain: str, mappers: Sequence[str], settings: Mapping[str, Any]
    ) -> NewTenant:
        """Return what a tenant is added with."""
        return NewTenant(slug=slug, name=name, domain=domain, mappers=tuple(mappers), settings=settings)

    def vault(self) -> Vault:
        """Return the keys. Raises: SettingsError if there are none."""
        keys, is_embedded = self.settings.secrets.keys, self.settings.database.dsn is None
        return Vault(keys_of(keys, self.settings.data_dir, embedded=is_embedded))

    def credentials(self) -> CredentialStore:
        """Return the credentials. Raises: SettingsError if there are no keys."""
        return CredentialStore(self.database.pool, self.vault())


@contextlib.asynccontextmanager
async def opened(settings: Settings, *, operator: str) -> AsyncIterator[Access]:
    """The database, migrated, and its repositories. Raises: SettingsError."""
    opening = open_database(settings.database.dsn, settings.data_dir, pool_size=settings.database.pool_size)
    async with opening as database:
        yield Access(
            settings=settings,
            database=database,
            tenants=Tenants(database.pool, operator=operator),
            fleet=Fleet(database.pool),
            desk=Desk(database.pool, operator=operator),
            operator=operator,
        )
