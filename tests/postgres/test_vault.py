import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocksync.domain.errors import SettingsError
from rocksync.domain.tenancy import Credentials, TenantId
from rocksync.postgres.vault import KEY_FILE, SEALED_PREFIX, UnsealError, Vault, keys_of, new_key

CREDENTIALS = Credentials(client_id="id-é", client_secret="s3cret", api_user="user", api_secret="s3cret-2")
ANA, BIA = TenantId(1), TenantId(2)


def test_what_is_sealed_for_a_tenant_opens_for_it_and_shows_nothing():
    vault = Vault([new_key()])

    sealed = vault.seal(ANA, CREDENTIALS)

    assert vault.open(ANA, sealed) == CREDENTIALS
    assert b"s3cret" not in sealed
    assert vault.seal(ANA, CREDENTIALS) != sealed
    assert "s3cret" not in repr(CREDENTIALS)


def test_what_is_sealed_for_one_tenant_does_not_open_for_another():
    vault = Vault([new_key()])

    with pytest.raises(UnsealError, match="another tenant"):
        vault.open(BIA, vault.seal(ANA, CREDENTIALS))


def test_an_older_key_opens_and_the_first_seals():
    old, new = new_key(), new_key()
    sealed = Vault([old]).seal(ANA, CREDENTIALS)
    ring = Vault([new, old])

    assert ring.open(ANA, sealed) == CREDENTIALS
    assert ring.needs_rotation(sealed)
    assert not ring.needs_rotation(ring.seal(ANA, CREDENTIALS))


def test_a_missing_key_is_named_with_what_to_do():
    sealed = Vault([new_key()]).seal(ANA, CREDENTIALS)

    with pytest.raises(UnsealError, match=r"key [0-9a-f]{8}, which secrets\.keys does not hold: add that key"):
        Vault([new_key()]).open(ANA, sealed)


@given(place=st.integers(min_value=0, max_value=60), bit=st.integers(min_value=0, max_value=7))
def test_a_changed_bit_anywhere_is_noticed(place: int, bit: int):
    vault = Vault([new_key()])
    sealed = bytearray(vault.seal(ANA, CREDENTIALS))
    sealed[place] ^= 1 << bit

    with pytest.raises(UnsealError):
        vault.open(ANA, bytes(sealed))


@pytest.mark.parametrize("length", range(0, 30, 3))
def test_half_a_blob_is_noticed(length: int):
    vault = Vault([new_key()])

    with pytest.raises(UnsealError):
        vault.open(ANA, vault.seal(ANA, CREDENTIALS)[:length])


def test_sealed_text_is_for_one_slug_or_for_any():
    vault = Vault([new_key()])
    for_ana, for_any = vault.seal_text("s3cret", "ana"), vault.seal_text("s3cret", None)

    assert for_ana.startswith(SEALED_PREFIX)
    assert vault.open_text(for_ana, "ana") == "s3cret"
    assert vault.open_text(for_any, "bia") == "s3cret"
    assert vault.open_text("plain", "ana") == "plain"
    with pytest.raises(UnsealError, match="another tenant"):
        vault.open_text(for_ana, "bia")


def test_sealed_text_that_was_cut_is_noticed():
    vault = Vault([new_key()])

    with pytest.raises(UnsealError):
        vault.open_text(vault.seal_text("s3cret", "ana")[:-7], "ana")


@pytest.mark.parametrize("keys", [[], ["short"], ["AAAA"]])
def test_without_a_sound_key_the_process_does_not_start(keys: list[str]):
    with pytest.raises(SettingsError, match="rocksync keygen"):
        Vault(keys)


def test_the_embedded_postgres_gets_a_key_file_that_only_its_owner_reads(tmp_path: Path):
    keys = keys_of([], tmp_path / "data", embedded=True)

    file = tmp_path / "data" / KEY_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert keys == keys_of([], tmp_path / "data", embedded=True)
    assert Vault(keys)


def test_given_keys_seal_and_the_key_file_still_opens(tmp_path: Path):
    kept = keys_of([], tmp_path, embedded=True)
    given_key = new_key()

    assert keys_of([given_key], tmp_path, embedded=True) == (given_key, *kept)


def test_no_key_file_is_made_where_the_database_is_not_ours(tmp_path: Path):
    assert keys_of([], tmp_path, embedded=False) == ()
    assert not (tmp_path / KEY_FILE).exists()


def test_a_key_file_that_is_no_text_is_an_error_that_names_it(tmp_path: Path):
    (tmp_path / KEY_FILE).write_bytes(b"\xff\xfe")

    with pytest.raises(SettingsError, match=KEY_FILE):
        keys_of([], tmp_path, embedded=True)
