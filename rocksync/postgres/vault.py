"""Credentials sealed with AES-256-GCM, bound to whom they belong to; the database never holds a key.

A sealed blob is a version byte, four bytes that name the key, a nonce of twelve, and the ciphertext with its tag.
"""

import base64
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from rocksync.domain.errors import SettingsError
from rocksync.domain.tenancy import Credentials, TenantId

KEY_FILE = "secrets.keys"
SEALED_PREFIX = "sealed:v1:"

_VERSION = b"\x01"
_KEY_BYTES = 32
_ID_BYTES = 4
_NONCE_BYTES = 12


class UnsealError(Exception):
    """Something sealed cannot be opened; the message says why and what to do, and nothing of what it holds."""


class MissingKeyError(UnsealError):
    """None of our keys is the one that seals it: another process may well open it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    id: bytes
    cipher: AESGCM = field(repr=False)


class Vault:
    """A ring of keys: the first seals, all open."""

    def __init__(self, keys: Sequence[str]) -> None:
        """*keys* are in base64, 32 bytes each. Raises: SettingsError if there is none, or one is not."""
        self._ring = tuple(_key(text) for text in keys)
        if not self._ring:
            raise SettingsError(
                "secrets.keys is not set: make a key with `rocksync keygen` and put it into ROCKSYNC_SECRETS__KEYS,"
                " the same for every process"
            )

    @property
    def key_ids(self) -> tuple[bytes, ...]:
        """Names of the keys, the one that seals first: they tell nothing of the keys."""
        return tuple(key.id for key in self._ring)

    def seal(self, tenant: TenantId, credentials: Credentials) -> bytes:
        """Return *credentials* sealed for *tenant* alone."""
        document = {
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret,
            "api_user": credentials.api_user,
            "api_secret": credentials.api_secret,
        }
        return self._seal(msgspec.json.encode(document), _of_tenant(tenant))

    def open(self, tenant: TenantId, sealed: bytes) -> Credentials:
        """Return what `seal` was given. Raises: UnsealError."""
        document = msgspec.json.decode(self._open(sealed, _of_tenant(tenant)), type=dict[str, str])
        return Credentials(**document)

    def seal_text(self, secret: str, slug: str | None) -> str:
        """Return *secret* as text that may be pasted into SQL: only for tenant *slug*, or for any."""
        sealed = self._seal(secret.encode(), _of_inbox(slug))
        return SEALED_PREFIX + base64.b64encode(sealed).decode("ascii")

    def hide_text(self, text: str, slug: str) -> str:
        """Return *text* sealed for tenant *slug*, or as it is if it is sealed."""
        return text if text.startswith(SEALED_PREFIX) else self.seal_text(text, slug)

    def open_text(self, text: str, slug: str) -> str:
        """Return the secret in *text*, which may be sealed or not. Raises: UnsealError."""
        if not text.startswith(SEALED_PREFIX):
            return text
        try:
            sealed = base64.b64decode("".join(text.removeprefix(SEALED_PREFIX).split()), validate=True)
        except ValueError:
            raise UnsealError("the sealed text is not whole: copy it again") from None
        try:
            return self._open(sealed, _of_inbox(slug)).decode()
        except UnsealError as error:
            try:
                return self._open(sealed, _of_inbox(None)).decode()
            except UnsealError:
                raise error from None

    def needs_rotation(self, sealed: bytes) -> bool:
        """Whether *sealed* is under another key than the one that seals now."""
        return sealed[:1] != _VERSION or key_id(sealed) != self._ring[0].id

    def _seal(self, plain: bytes, whose: bytes) -> bytes:
        key = self._ring[0]
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + key.id + nonce + key.cipher.encrypt(nonce, plain, whose)

    def _open(self, sealed: bytes, whose: bytes) -> bytes:
        if sealed[:1] != _VERSION or len(sealed) < 1 + _ID_BYTES + _NONCE_BYTES:
            raise UnsealError("the sealed credentials are in no known format: hand them in again")
        nonce, ciphertext = sealed[1 + _ID_BYTES :][:_NONCE_BYTES], sealed[1 + _ID_BYTES + _NONCE_BYTES :]
        fitting = [key for key in self._ring if key.id == key_id(sealed)]
        if not fitting:
            raise MissingKeyError(
                f"sealed with key {key_id(sealed).hex()}, which secrets.keys does not hold: add that key, or hand the"
                " credentials in again"
            )
        for key in fitting:
            try:
                return key.cipher.decrypt(nonce, ciphertext, whose)
            except InvalidTag:
                continue
        raise UnsealError("the sealed credentials were altered, or sealed for another tenant: hand them in again")


def key_id(sealed: bytes) -> bytes:
    """Return the name of the key that *sealed* is under."""
    return sealed[1 : 1 + _ID_BYTES]


def new_key() -> str:
    """Return a new key for ``secrets.keys``, in base64."""
    return base64.b64encode(os.urandom(_KEY_BYTES)).decode("ascii")


def keys_of(given: Sequence[str], data_dir: Path, *, embedded: bool) -> tuple[str, ...]:
    """Return the keys to use: those given, then those of the key file in *data_dir* when Postgres is *embedded*.

    The key file is made if there is no key at all. Raises: SettingsError if it cannot be read or written.
    """
    if not embedded:
        return tuple(given)
    file = data_dir / KEY_FILE
    try:
        if not file.exists() and not given:
            _make_key_file(file)
        kept = file.read_text(encoding="ascii").split() if file.exists() else []
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"the key file {file} cannot be used ({type(error).__name__}): mend or restore it"
        ) from error
    return tuple(dict.fromkeys([*given, *kept]))


def _make_key_file(file: Path) -> None:
    """Write a new key file, whole and only for the owner; one that another process made meanwhile stays."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    half = file.with_name(f"{file.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as opened:
        opened.write(new_key() + "\n")
        opened.flush()
        os.fsync(opened.fileno())
    _link_once(half, file)


def _link_once(half: Path, file: Path) -> None:
    try:
        os.link(half, file)
    except FileExistsError:
        pass
    finally:
        half.unlink()


def _key(text: str) -> _Key:
    try:
        raw = base64.b64decode(text, validate=True)
        cipher = AESGCM(raw)
    except ValueError:
        raw, cipher = b"", None
    if cipher is None or len(raw) != _KEY_BYTES:
        raise SettingsError("secrets.keys holds what is no key: make one with `rocksync keygen`")
    return _Key(id=hashlib.sha256(b"rocksync:key:" + raw).digest()[:_ID_BYTES], cipher=cipher)


def _of_tenant(tenant: TenantId) -> bytes:
    return f"rocksync:credential:{tenant}".encode()


def _of_inbox(slug: str | None) -> bytes:
    return f"rocksync:inbox:{slug or ''}".encode()
