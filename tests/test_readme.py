"""What the README promises is what the code says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from coder_tui import errors
from coder_tui.tui.actions import key_table

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_key_table_is_that_of_the_action_table() -> None:
    found = re.search(r"<!-- keys:.*?-->\n(.*?)<!-- /keys -->", README, re.DOTALL)
    assert found
    assert found[1] == key_table(), "run `make screenshots`"


def test_every_exit_code_is_listed() -> None:
    kinds: list[type[errors.CoderTuiError]] = [errors.CoderTuiError, *errors.CoderTuiError.__subclasses__()]
    listed = {int(code) for code in re.findall(r"\| (\d+) \|", README)}
    assert {kind.exit_code for kind in kinds} | {0, 130, 141} <= listed


@pytest.mark.parametrize("picture", re.findall(r"\((screenshots/[\w.]+)\)", README))
def test_every_picture_is_there(picture: str) -> None:
    assert (ROOT / picture).stat().st_size > 10_000


def test_both_commands_are_made() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for command in re.findall(r"^\$ make (\w+)", README, re.MULTILINE):
        assert re.search(rf"^{command}:", makefile, re.MULTILINE)


def test_the_lock_holds_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for requirement in project["dependencies"]:
        name = re.match(r"[\w.-]+", requirement)
        assert name
        assert re.search(rf"^{name[0]}==", lock, re.MULTILINE), name[0]
