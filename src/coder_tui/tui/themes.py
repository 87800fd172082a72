"""Themes: TOML in the package's `themes/` and in the user's config folder, validated, turned into Textual themes.

A wheel ships them as `coder_tui/themes`; in a checkout they stand beside `src/`. A user's theme of the same name wins.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from textual.theme import Theme

from coder_tui import paths
from coder_tui.errors import ConfigError

DEFAULT = "coder-dark"


def _textual(values: Mapping[str, Any]) -> Theme:
    """As a Textual theme; states, text steps and chrome become CSS variables (`$asks`, `$muted`, `$rule`...)."""
    colors, text, chrome = values["colors"], values["text"], values["chrome"]
    return Theme(
        name=values["name"],
        dark=values["dark"],
        **colors,
        variables={
            **values["states"],
            **text,
            "rule": chrome["border"],
            "rule-focus": chrome["border-focus"],
            "cursor": chrome["cursor"],
            "cursor-blurred": chrome["cursor-blurred"],
            "border": chrome["border-focus"],
            "border-blurred": chrome["border"],
            "block-cursor-background": chrome["cursor"],
            "block-cursor-foreground": text["bright"],
            "block-cursor-blurred-background": chrome["cursor-blurred"],
            "text-muted": text["muted"],
            "text-disabled": text["faint"],
            "scrollbar": chrome["border"],
            "scrollbar-hover": text["faint"],
            "scrollbar-active": chrome["border-focus"],
            "scrollbar-background": colors["background"],
            "scrollbar-background-hover": colors["background"],
            "scrollbar-background-active": colors["background"],
            "scrollbar-corner-color": colors["background"],
            "input-selection-background": chrome["cursor"],
        },
    )


def read_theme(path: Path) -> Theme:
    """Read one theme file; one that is not ours is validated. Raises ConfigError naming the file and the key."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror or "" if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"cannot read theme {path}", why=why, fix="check the file, or remove it") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"theme {path} is not TOML", why=str(error), fix="correct that line") from None
    if path.parent != package_dir():
        from coder_tui.tui.theme_file import fault

        if found := fault(values):
            key, why = found
            raise ConfigError(f"theme {path}: key {key!r} is wrong", why=why, fix="compare with themes/dark.toml")
    return _textual(values)


def package_dir() -> Path:
    """Where the program's own themes are: inside the wheel, or beside `src/` in a checkout (editable install)."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "themes"
    return installed if installed.is_dir() else package.parents[1] / "themes"


def load_themes() -> tuple[dict[str, Theme], list[ConfigError]]:
    """Every theme that can be used, the default first, and what was wrong with the user's others.

    A broken theme of the user must not keep the program from starting; one of ours raises (ConfigError).
    """
    themes: dict[str, Theme] = {}
    for path in sorted(package_dir().glob("*.toml")):
        theme = read_theme(path)
        themes[theme.name] = theme
    if DEFAULT not in themes:
        raise ConfigError(f"the theme {DEFAULT} is missing in {package_dir()}", fix="install coder-tui again")
    errors: list[ConfigError] = []
    for path in sorted((paths.config_dir() / "themes").glob("*.toml")):
        try:
            theme = read_theme(path)
        except ConfigError as error:
            errors.append(error)
        else:
            themes[theme.name] = theme
    return {DEFAULT: themes.pop(DEFAULT), **themes}, errors


def pick(themes: dict[str, Theme], wanted: str | None) -> str:
    """The full name of the theme a person means: `light` for `coder-light`. Raises ConfigError naming the choices."""
    if wanted is None:
        return DEFAULT
    for name in (wanted, f"coder-{wanted}"):
        if name in themes:
            return name
    choices = ", ".join(name.removeprefix("coder-") for name in themes)
    raise ConfigError(f"there is no theme {wanted!r}", fix=f"choose one of: {choices}")
