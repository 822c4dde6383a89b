"""The files in which the workers of one `serve` count."""

import os
from pathlib import Path

import pytest

from app.observability.metrics import FILE_BYTES, _reserve


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_file_of_counters_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    """Every worker reads those of all others, and an empty one made `/metrics` answer 500."""
    (tmp_path / f"histogram_{os.getpid()}.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        _reserve(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_a_process_of_the_same_id_counted_stays(tmp_path: Path) -> None:
    earlier = tmp_path / f"counter_{os.getpid()}.db"
    earlier.write_bytes(b"counted")
    _reserve(tmp_path)
    assert earlier.read_bytes().rstrip(b"\0") == b"counted"
    assert sorted(file.stat().st_size for file in tmp_path.iterdir()) == sorted(FILE_BYTES.values())
