"""What a dry run remembers of a large file."""

import stat
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from app.accounts.domain import Address, Status
from app.imports.domain import Candidate, Change
from app.imports.rehearsal import Rehearsal
from app.security.secret_box import SecretBox

# Twice what it keeps in memory.
ENOUGH = 32 * 1024 * 1024 // 1000


def _change(number: int) -> Change:
    text = f"{number:064}@{number:0180}.example.com"
    candidate = Candidate(
        number=number,
        external_id=f"{number:0255}",
        address=Address(text, text),
        email_verified=False,
        created_at=None,
        status=Status.ACTIVE,
        locale=None,
        password=None,
        apps=(),
        problems=(),
        identity=b"",
    )
    return Change(candidate, None)


def _temporary_files() -> dict[str, int]:
    """Those of SQLite that this process has open, and their modes."""
    found = {}
    for descriptor in Path("/proc/self/fd").iterdir():
        # The one that lists the folder is closed by now.
        with suppress(FileNotFoundError):
            if "etilqs_" in (name := str(descriptor.readlink())):
                found[name] = stat.S_IMODE(descriptor.stat().st_mode)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_what_a_dry_run_remembers_is_gone_once_it_is_killed() -> None:
    rehearsal = Rehearsal(SecretBox((bytes(32),)))

    rehearsal.write([_change(number) for number in range(ENOUGH)])

    [(name, mode)] = _temporary_files().items()
    assert name.endswith(" (deleted)"), "it has no name on the disk any more"
    assert mode == 0o600
