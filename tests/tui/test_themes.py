"""Themes: what ships is complete and readable; what a person writes is checked, named, and never stops the program."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from rich.terminal_theme import TerminalTheme
from tests.tui.small_fleet import NOW, StoreSource, small_fleet
from textual.color import Color

from coder_tui.errors import ConfigError
from coder_tui.tui import ansi, themes
from coder_tui.tui.app import CockpitApp
from coder_tui.tui.paint import Voices
from coder_tui.tui.theme_file import fault

DARK = (themes.package_dir() / "dark.toml").read_text(encoding="utf-8")


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CODER_TUI_CONFIG_DIR", str(tmp_path))
    (tmp_path / "themes").mkdir()
    return tmp_path / "themes"


def contrast(one: str, other: str) -> float:
    """WCAG 2.1 contrast ratio."""

    def luminance(text: str) -> float:
        parts = [channel / 255 for channel in Color.parse(text).rgb]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_default_comes_first_and_dark_light_high_contrast_ship(mine: Path) -> None:
    found, errors = themes.load_themes()
    assert not errors
    assert next(iter(found)) == themes.DEFAULT
    assert {"coder-dark", "coder-light", "coder-high-contrast"} <= set(found)


@pytest.mark.parametrize("name", ["dark", "light", "high-contrast"])
def test_every_voice_can_be_read(name: str, mine: Path) -> None:
    theme = themes.load_themes()[0][f"coder-{name}"]
    least = 7.0 if name == "high-contrast" else 4.5
    assert theme.background is not None
    for voice in ("asks", "failed", "lost", "done", "quiet", "due", "working", "idle", "bright", "muted"):
        for ground in (theme.background, theme.variables["cursor"], theme.panel or ""):
            wanted = least if ground == theme.background else 4.0
            assert contrast(theme.variables[voice], ground) >= wanted, (voice, ground)
    assert contrast(theme.variables["faint"], theme.background) >= 3.0


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (("#f6bd4f", "#zzz"), "states.asks"),
        (('name = "coder-dark"', 'name = "Bad Name"'), "name"),
        (("dark = true\n", ""), "dark"),
        (("[states]\n", '[states]\nasked = "#ffffff"\n'), "states.asked"),
        (('cursor = "#25304a"', "cursor = 7"), "chrome.cursor"),
    ],
)
def test_a_wrong_theme_names_file_and_key(mine: Path, change: tuple[str, str], key: str) -> None:
    assert change[0] in DARK
    (mine / "wrong.toml").write_text(DARK.replace(*change), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        themes.read_theme(mine / "wrong.toml")
    assert "wrong.toml" in str(caught.value)
    assert repr(key) in str(caught.value)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("content", [b"name = ", b"\xff\xfe", b""])
def test_what_is_no_theme_file_is_a_sentence(mine: Path, content: bytes) -> None:
    (mine / "bad.toml").write_bytes(content)
    found, errors = themes.load_themes()
    assert themes.DEFAULT in found
    assert len(errors) == 1
    assert "bad.toml" in str(errors[0])


def test_a_theme_of_mine_is_offered_and_may_replace_ours(mine: Path) -> None:
    (mine / "a.toml").write_text(DARK.replace("coder-dark", "night").replace("#f6bd4f", "#ff0000"), encoding="utf-8")
    (mine / "b.toml").write_text(DARK.replace("#f6bd4f", "#00ff00"), encoding="utf-8")
    found, errors = themes.load_themes()
    assert not errors
    assert found["night"].variables["asks"] == "#ff0000"
    assert found["coder-dark"].variables["asks"] == "#00ff00"
    assert themes.pick(found, "night") == "night"
    assert themes.pick(found, "light") == "coder-light"
    assert themes.pick(found, None) == themes.DEFAULT


def test_an_unknown_theme_names_the_choices(mine: Path) -> None:
    with pytest.raises(ConfigError, match="Choose one of: dark") as caught:
        CockpitApp(StoreSource(), theme="pink")
    assert "high-contrast" in str(caught.value)


def test_themes_of_a_wheel_are_inside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "coder_tui"
    (package / "tui").mkdir(parents=True)
    monkeypatch.setattr(themes, "__file__", str(package / "tui" / "themes.py"))
    (tmp_path.parent / "themes").mkdir(exist_ok=True)
    assert themes.package_dir() == tmp_path.parent / "themes"  # a checkout: beside src/
    (package / "themes").mkdir()
    assert themes.package_dir() == package / "themes"


async def test_the_next_theme_repaints_everything(mine: Path) -> None:
    app = CockpitApp(StoreSource(*small_fleet()), clock=lambda: NOW)
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.pause()
        before = app.cockpit.agents.voices["asks"]
        await pilot.press("T")
        await pilot.pause()
        await pilot.pause()
        assert app.theme != themes.DEFAULT
        assert app.cockpit.agents.voices["asks"] != before
        assert app.cockpit.agents.voices["asks"] == Voices(app.theme_variables)["asks"]


async def test_a_broken_theme_of_mine_is_told_not_fatal(mine: Path) -> None:
    (mine / "bad.toml").write_text("dark = 3", encoding="utf-8")
    app = CockpitApp(StoreSource(*small_fleet()), clock=lambda: NOW)
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.pause()
        assert any("bad.toml" in one.message for one in app._notifications)


@pytest.mark.parametrize("path", sorted(themes.package_dir().glob("*.toml")), ids=lambda path: path.stem)
def test_our_own_themes_hold_what_a_users_must(path: Path) -> None:
    assert fault(tomllib.loads(path.read_text(encoding="utf-8"))) is None


@pytest.mark.parametrize(("palette", "theme"), [(ansi.DARK, "coder-dark"), (ansi.LIGHT, "coder-light")])
def test_ansi_colours_can_be_told_apart_and_read(palette: TerminalTheme, theme: str) -> None:
    ground = themes.load_themes()[0][theme].background or ""
    colours = [Color(*palette.ansi_colors[index]) for index in range(16)]
    assert len({colour.hex for colour in colours}) == 16
    for colour in colours[1:]:
        assert contrast(colour.hex, ground) >= 3.5, colour
    red, green, blue = (colours[index] for index in (1, 2, 4))
    assert red.r > max(red.g, red.b)
    assert green.g > max(green.r, green.b)
    assert blue.b > max(blue.r, blue.g)
