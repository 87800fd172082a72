"""A real hub in the background for the verbs that need one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from coder_tui.hub import daemon


@pytest.fixture(scope="session")
def hub_data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Data directory of a running hub, shared by the tests of one worker."""
    data = tmp_path_factory.mktemp("hub")
    daemon.start(data)
    try:
        yield data
    finally:
        daemon.stop(data)


@pytest.fixture
def directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Directories of our own, and no credentials from outside."""
    for kind in ("data", "state", "config", "cache"):
        monkeypatch.setenv(f"CODER_TUI_{kind.upper()}_DIR", str(tmp_path / kind))
    for name in ("CODER_URL", "CODER_SESSION_TOKEN", "CODER_AGENT_URL", "CODER_AGENT_TOKEN", "CODER_HEADER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CODER_CONFIG_DIR", str(tmp_path / "coderv2"))
    return tmp_path


@pytest.fixture
def hub(directories: Path, hub_data: Path, monkeypatch: pytest.MonkeyPatch) -> daemon.HubAddress:
    """The running hub is the local one."""
    monkeypatch.setenv("CODER_TUI_DATA_DIR", str(hub_data))
    address = daemon.discover(hub_data)
    assert address is not None
    return address
