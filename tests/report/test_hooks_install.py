"""Our hook in agents' own files: everything else byte for byte, twice is once, undone exactly."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder_tui.cli.main import main
from coder_tui.errors import ConfigError, StorageError
from coder_tui.report.hooks import AGENTS
from coder_tui.report.hooks.install import Plan, plan
from coder_tui.report.hooks.text_edit import blank_comments

COMMENTED = """{
  // mine, keep it
  "model": "opus", /* and "this": { */
  "hooks": {
    "Stop": [ { "hooks": [ {"type": "command", "command": "say \\"done\\" // no comment"} ] } ],
    "PreToolUse": []
  },
}
"""


def files() -> list[str]:
    return [
        "",
        "{}",
        "{}\n",
        "{\n}\n",
        COMMENTED,
        '{"hooks":{}}',
        '{"a":[1,2],"hooks":{"Stop":[]}}',
        '{"x":"\\u00e9"}\r\n',
    ]


@pytest.mark.parametrize("agent", ["claude", "codex", "gemini"])
@pytest.mark.parametrize("before", files())
def test_in_and_out_again(tmp_path: Path, agent: str, before: str) -> None:
    path = plan(agent, install=True, home=tmp_path).path
    path.parent.mkdir()
    path.write_bytes(before.encode())
    change = plan(agent, install=True, home=tmp_path)
    assert change.diff
    change.carry_out()
    hooks = json.loads(blank_comments(path.read_text()))["hooks"]
    assert {"type": "command", "command": f"coder-tui hook {agent}"}.items() <= hooks[
        "Stop" if agent != "gemini" else "AfterAgent"
    ][0]["hooks"][0].items()
    assert plan(agent, install=True, home=tmp_path).diff == ""
    plan(agent, install=False, home=tmp_path).carry_out()
    assert (path.read_bytes() if path.exists() else b"") == before.encode()
    assert plan(agent, install=False, home=tmp_path).diff == ""


@pytest.mark.parametrize("before", files())
@pytest.mark.parametrize("later", [False, True])
def test_the_hook_that_decides_comes_and_goes_with_the_others(tmp_path: Path, before: str, later: bool) -> None:
    path = plan("claude", install=True, home=tmp_path).path
    path.parent.mkdir()
    path.write_bytes(before.encode())
    if later:
        plan("claude", install=True, home=tmp_path).carry_out()
    plan("claude", install=True, home=tmp_path, answer=True).carry_out()
    assert plan("claude", install=True, home=tmp_path, answer=True).diff == ""
    assert plan("claude", install=True, home=tmp_path).diff == ""
    asked = json.loads(blank_comments(path.read_text()))["hooks"]["PermissionRequest"]
    commands = {command["command"]: command for entry in asked for command in entry["hooks"]}
    assert set(commands) == {"coder-tui hook claude", "coder-tui hook claude answer"}
    assert "async" not in commands["coder-tui hook claude answer"]  # then its answer would not count
    plan("claude", install=False, home=tmp_path).carry_out()
    assert (path.read_bytes() if path.exists() else b"") == before.encode()


@pytest.mark.parametrize("agent", AGENTS)
def test_where_there_is_no_file_there_is_none_afterwards(tmp_path: Path, agent: str) -> None:
    change = plan(agent, install=True, home=tmp_path)
    change.carry_out()
    assert change.path.exists()
    assert plan(agent, install=True, home=tmp_path).diff == ""
    plan(agent, install=False, home=tmp_path).carry_out()
    assert not change.path.exists()


def test_a_link_stays_a_link_and_a_mode_a_mode(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.json"
    real.write_text("{}\n")
    real.chmod(0o640)
    (tmp_path / ".claude").mkdir()
    link = tmp_path / ".claude" / "settings.json"
    link.symlink_to(real)
    plan("claude", install=True, home=tmp_path).carry_out()
    assert link.is_symlink()
    assert "coder-tui hook claude" in real.read_text()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


def test_a_file_that_may_not_be_written_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / ".aider.conf.yml"
    path.write_text("model: x\n")
    path.chmod(0o444)
    change = plan("aider", install=True, home=tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda *_: False)  # root may write everything
        with pytest.raises(StorageError, match="may not be written"):
            change.carry_out()
    assert path.read_text() == "model: x\n"
    assert os.listdir(tmp_path) == [".aider.conf.yml"]
    with pytest.raises(StorageError, match="cannot read"):
        plan("aider", install=True, home=path)  # its directory is a file


NODE = shutil.which("node")
EVENTS = [
    {"type": "session.created", "properties": {"info": {"id": "child", "parentID": "root"}}},
    {"type": "session.status", "properties": {"sessionID": "child", "status": {"type": "busy"}}},
    {"type": "message.updated", "properties": {"sessionID": "root"}},
    {"type": "permission.asked", "properties": {"sessionID": "root", "title": "rm", "n": "x" * 300_000}},
]


@pytest.mark.skipif(NODE is None, reason="node is not installed")
def test_the_plugin_of_opencode_hands_on_what_counts(tmp_path: Path) -> None:
    change = plan("opencode", install=True, home=tmp_path, project=tmp_path)
    change.carry_out()
    seen = tmp_path / "seen"
    program = tmp_path / "coder-tui"
    program.write_text(f'#!/bin/sh\necho "$*" >> {seen}; cat >> {seen}\n')
    program.chmod(0o755)
    module = tmp_path / "run.mjs"
    module.write_text(
        f"import {{ CoderTui }} from {json.dumps(str(change.path))}\n"
        f"const plugin = await CoderTui({{}})\nconst events = {json.dumps(EVENTS)}\n"
        "for (const event of events) await plugin.event({ event })\n"
    )
    environ = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        [str(NODE), str(module)], env=environ, capture_output=True, text=True, timeout=20, check=False
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    first, _, rest = seen.read_text().partition("\n")
    assert first == "hook opencode"
    assert json.loads(rest) == {"type": "permission.asked", "properties": EVENTS[3]["properties"]}


@pytest.mark.parametrize("broken", ["{", "[]", '{"hooks": 3}', '{"hooks": {"Stop": {}}}', "{'a': 1}", "nonsense"])
def test_what_cannot_be_understood_is_left_alone(tmp_path: Path, broken: str) -> None:
    (tmp_path / ".claude").mkdir()
    path = tmp_path / ".claude" / "settings.json"
    path.write_text(broken)
    with pytest.raises(ConfigError, match="cannot edit"):
        plan("claude", install=True, home=tmp_path)
    assert path.read_text() == broken


def test_aider_keeps_what_the_user_chose(tmp_path: Path) -> None:
    path = tmp_path / ".aider.conf.yml"
    path.write_text("# mine\nmodel: x\n")
    plan("aider", install=True, home=tmp_path).carry_out()
    assert path.read_text().startswith("# mine\nmodel: x\nnotifications: true\n")
    plan("aider", install=False, home=tmp_path).carry_out()
    assert path.read_text() == "# mine\nmodel: x\n"
    path.write_text("notifications-command: say done\n")
    with pytest.raises(ConfigError):
        plan("aider", install=True, home=tmp_path)


VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.text(max_size=8).filter(lambda key: key != "hooks"), VALUES, max_size=4),
    st.sampled_from([None, 1, 4]),
)
def test_any_json_comes_back(
    tmp_path_factory: pytest.TempPathFactory, value: dict[str, object], indent: int | None
) -> None:
    home = tmp_path_factory.mktemp("home")
    path = plan("gemini", install=True, home=home).path
    path.parent.mkdir()
    text = json.dumps(value, indent=indent)
    path.write_text(text)
    plan("gemini", install=True, home=home).carry_out()
    assert {key: json.loads(path.read_text())[key] for key in value} == value
    plan("gemini", install=False, home=home).carry_out()
    assert path.read_text() == text


def test_the_verbs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["hooks", "install", "claude", "--project"]) == 2  # shown, not written
    assert '+{"' not in capsys.readouterr().err
    assert not (tmp_path / ".claude").exists()
    assert main(["hooks", "install", "claude", "--project", "--yes"]) == 0
    assert "coder-tui hook claude" in capsys.readouterr().out
    assert main(["hooks", "status", "claude", "--project"]) == 0
    assert "claude: installed in" in capsys.readouterr().out
    assert main(["hooks", "uninstall", "claude", "--project", "--yes"]) == 0
    assert os.listdir(tmp_path / ".claude") == []


def test_a_diff_names_the_file() -> None:
    assert Plan(Path("/x"), "a\n", "b\n").diff.startswith("--- /x\n+++ /x\n")
    assert Plan(Path("/x"), "a\n", "a\n").diff == ""
