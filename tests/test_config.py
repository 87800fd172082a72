"""Flag over environment over file over default; errors name file and key."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder_tui.config import load_config, parse_duration
from coder_tui.errors import ConfigError


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return path


def test_defaults_without_a_file(tmp_path: Path) -> None:
    config = load_config(path=tmp_path / "config.toml", environ={})
    assert (config.theme, config.quiet_after, config.due_within) == ("", timedelta(minutes=10), timedelta(minutes=30))
    assert config.deployments == {}


def test_the_order(tmp_path: Path) -> None:
    path = write(tmp_path, 'theme = "file"\nquiet_after = "1m"\ndue_within = "1h"\n')
    environ = {"CODER_TUI_THEME": "env", "CODER_TUI_QUIET_AFTER": "2m"}
    config = load_config({"theme": "flag", "due_within": None}, environ=environ, path=path)
    assert (config.theme, config.quiet_after, config.due_within) == ("flag", timedelta(minutes=2), timedelta(hours=1))


def test_the_place_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, '[deployments.acme]\nurl = "x.io"\ntoken_file = "acme.token"\n')
    monkeypatch.setenv("CODER_TUI_CONFIG_DIR", str(tmp_path))
    assert load_config(environ={}).deployments["acme"].token_file == tmp_path / "acme.token"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('colour = "red"', "colour: unknown key"),
        ('path = "x"', "path: unknown key"),
        ("quiet_after = 10", "quiet_after: expected a duration"),
        ('quiet_after = "soon"', "quiet_after: expected a duration"),
        ('[deployments.acme]\nurl = "x"', r"deployments\.acme\.token_file: missing"),
        (
            '[deployments.acme]\nurl = "x"\ntoken_file = "t"\ntoken = "hunter2"',
            r"deployments\.acme\.token: tokens do not belong in this file.*0600",
        ),
        ('[deployments."a/b"]\nurl = "x"\ntoken_file = "t"', r"deployments\.a/b"),
        ("theme = 'a", "not valid TOML"),
        ("deployments = 3", "deployments: expected tables"),
        ("deployments = {acme = 3}", "deployments: expected tables"),
        ('[deployments.acme]\nurl = ""\ntoken_file = "t"', r"deployments\.acme\.url: must not be empty"),
        ('[deployments.acme]\nurl = "x"\ntoken_file = ["hunter2"]', r"acme\.token_file: expected text"),
        ('[deployments.acme]\nurl = "x"\ntoken_file = "t"\nport = 3', r"deployments\.acme\.port: unknown key"),
        ("theme = 3", "theme: expected text"),
        ("history_days = -1", "history_days: expected a number of days"),
        ("history_days = true", "history_days: expected a number of days"),
        ("log_megabytes = 0", "log_megabytes: expected a number of megabytes, 1 to 4096"),
    ],
)
def test_errors_name_file_and_key(tmp_path: Path, text: str, words: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError, match=words) as caught:
        load_config(path=path, environ={})
    assert str(path) in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_bad_variable_or_flag_is_named(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    with pytest.raises(ConfigError, match="CODER_TUI_QUIET_AFTER is wrong"):
        load_config(environ={"CODER_TUI_QUIET_AFTER": "x"}, path=path)
    with pytest.raises(ConfigError, match="--due-within is wrong"):
        load_config({"due_within": "x"}, environ={"CODER_TUI_DUE_WITHIN": "1m"}, path=path)


def test_unreadable_files(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_config(path=path, environ={})
    path.unlink()
    path.mkdir()
    with pytest.raises(ConfigError, match="cannot read"):
        load_config(path=path, environ={})


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99), st.integers(1, 99))
def test_durations(days: int, hours: int, minutes: int, seconds: int) -> None:
    text = f"{days}d{hours}h{minutes}m{seconds}s"
    assert parse_duration(text) == timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


@given(st.text(max_size=12))
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert parse_duration(text) > timedelta()


def test_the_clipboard_setting(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    assert load_config(path=path, environ={}).clipboard == "ask"
    path.write_text('clipboard = "deny"\n')
    assert load_config(path=path, environ={}).clipboard == "deny"
    assert load_config(path=path, environ={"CODER_TUI_CLIPBOARD": "allow"}).clipboard == "allow"
    path.write_text('clipboard = "perhaps"\n')
    with pytest.raises(ConfigError, match="clipboard"):
        load_config(path=path, environ={})


def test_notifications(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    assert load_config(path=path, environ={}).notify.when == "unfocused"
    path.write_text('[notify]\nwhen = "always"\nquiet_hours = "22:00-08:00"\ncommand = ["a", "b c"]\ndone = []\n')
    found = load_config(path=path, environ={}).notify
    assert (found.when, str(found.quiet_hours), found.command) == ("always", "22:00-08:00", ("a", "b c"))
    assert not found.channels("done")
    for text, place in (
        ('[notify]\nwhen = "x"\n', r"notify\.when: expected"),
        ("[notify]\nhorn = 1\n", r"notify\.horn: unknown key"),
        ("notify = 1\n", "notify: expected a table"),
    ):
        path.write_text(text)
        with pytest.raises(ConfigError, match=place):
            load_config(path=path, environ={})
