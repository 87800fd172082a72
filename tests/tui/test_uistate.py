"""The screen's arrangement on disk: what is written comes back, and nothing that stands there breaks the start."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder_tui.errors import StorageError
from coder_tui.tui.uistate import FILE, VERSION, UiFile, UiState

KEPT = UiState(
    group="state", sort="urgent", columns=("health",), filter="state:asks", zoomed="agents", wider=-8, whose="agent"
)


def test_what_is_written_comes_back_for_its_owner_only(tmp_path: Path) -> None:
    UiFile(tmp_path / "new").save(KEPT)
    again = UiFile(tmp_path / "new")
    assert again.load() == KEPT
    assert again.warning == ""
    assert again.path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in again.path.parent.iterdir()] == [FILE]


def test_no_file_is_no_trouble(tmp_path: Path) -> None:
    file = UiFile(tmp_path)
    assert (file.load(), file.warning) == (UiState(), "")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"version": "1"}', "{}", "[" * 9000, "x" * 70_000, '"\ud800'])
def test_a_damaged_file_is_moved_aside(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text, errors="surrogatepass")
    file = UiFile(tmp_path)
    assert file.load() == UiState()
    (aside,) = tmp_path.iterdir()
    assert aside.name.startswith(f"{FILE}.corrupt-")
    assert aside.name in file.warning
    file.save(KEPT)
    assert UiFile(tmp_path).load() == KEPT


def test_a_newer_file_is_left_alone(tmp_path: Path) -> None:
    text = json.dumps({"version": VERSION + 1, "group": {"from": "the future"}})
    (tmp_path / FILE).write_text(text)
    file = UiFile(tmp_path)
    assert file.load() == UiState()
    assert "newer" in file.warning
    file.save(KEPT)
    assert (tmp_path / FILE).read_text() == text


def test_what_cannot_be_read_or_written_is_said(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    file = UiFile(tmp_path)
    assert file.load() == UiState()
    assert "cannot read" in file.warning
    with pytest.raises(StorageError, match="cannot write"):
        file.save(KEPT)


VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.lists(st.integers(), max_size=3))


@settings(max_examples=40)
@given(values=st.dictionaries(st.sampled_from(["group", "columns", "wider", "filter", "else"]), VALUES))
def test_only_what_has_the_right_type_is_believed(tmp_path_factory: pytest.TempPathFactory, values: object) -> None:
    directory = tmp_path_factory.mktemp("ui")
    assert isinstance(values, dict)
    (directory / FILE).write_text(json.dumps({"version": VERSION, **values}))
    state = UiFile(directory).load()
    assert type(state.group) is type(state.filter) is str
    assert type(state.wider) is int
    assert all(isinstance(name, str) for name in state.columns)
