from __future__ import annotations

import os
from pathlib import Path

import pytest

from coder_tui import paths
from coder_tui.errors import StorageError


@pytest.mark.parametrize("kind", ["data", "state", "config", "cache"])
def test_each_directory_can_be_overridden(kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(f"CODER_TUI_{kind.upper()}_DIR", str(tmp_path / kind))
    assert getattr(paths, f"{kind}_dir")() == tmp_path / kind


def test_private_directory_is_for_the_owner_only(tmp_path: Path) -> None:
    made = paths.ensure_private(tmp_path / "a" / "b")
    assert made.stat().st_mode & 0o777 == 0o700
    assert list(made.iterdir()) == []


def test_a_directory_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot write to"):
        paths.ensure_private(tmp_path / "file" / "dir")


def test_private_write_is_atomic_and_0600(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        paths.write_private(tmp_path / "token", "one")
        paths.write_private(tmp_path / "token", "two")
    finally:
        os.umask(old)
    assert (tmp_path / "token").read_text() == "two"
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["token"]


def test_private_write_into_nothing_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot write"):
        paths.write_private(tmp_path / "missing" / "token", "one")
