"""The cache of programs does not grow without bound."""

import os

import pytest

from tests.program_cache import keep_newest


@pytest.mark.guard
def test_what_nobody_read_for_longest_goes_first(tmp_path):
    for i, size in enumerate([10, 20, 30, 40]):
        path = tmp_path / f"{i}-cache"
        path.write_bytes(b"x" * size)
        os.utime(path, (1000 + i, 1000))
    os.utime(tmp_path / "0-cache", (2000, 1000))  # written long ago, read last
    (tmp_path / "other").write_bytes(b"x" * 1000)
    keep_newest(tmp_path, 100)
    assert len(list(tmp_path.glob("*-cache"))) == 4
    keep_newest(tmp_path, 60)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0-cache", "3-cache", "other"]
    keep_newest(tmp_path / "missing", 0)
