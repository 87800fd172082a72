"""Themes: TOML in the package's `themes/` and in the user's config folder, validated, turned into Textual themes.

A wheel ships them as `coder_tui/themes`; in a checkout they stand beside `src/`. A user's theme of the same name wins.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from textual.color import Color, ColorParseError
from textual.theme import Theme

from coder_tui import paths
from coder_tui.errors import ConfigError

DEFAULT = "coder-dark"


def _colour(text: str) -> str:
    try:
        Color.parse(text)
    except ColorParseError:
        raise ValueError(f"{text!r} is no colour; write it as #rrggbb") from None
    return text


Colour = Annotated[str, AfterValidator(_colour)]


class _Table(BaseModel):
    # A key we do not know is a typing error that would otherwise do nothing, silently.
    model_config = ConfigDict(extra="forbid", populate_by_name=True, frozen=True)


class Colors(_Table):
    """The base colours Textual derives its own from."""

    primary: Colour
    secondary: Colour
    accent: Colour
    foreground: Colour
    background: Colour
    surface: Colour
    panel: Colour
    success: Colour
    warning: Colour
    error: Colour


class TextColors(_Table):
    """Three steps of text beside `foreground`: names and titles, second voice, third voice."""

    bright: Colour
    muted: Colour
    faint: Colour


class Chrome(_Table):
    """Borders and the cursor line."""

    border: Colour
    border_focus: Colour = Field(alias="border-focus")
    cursor: Colour
    cursor_blurred: Colour = Field(alias="cursor-blurred")


class States(_Table):
    """One colour per attention level and state."""

    asks: Colour
    failed: Colour
    lost: Colour
    done: Colour
    quiet: Colour
    due: Colour
    working: Colour
    idle: Colour


class ThemeFile(_Table):
    """A whole theme file."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    dark: bool
    colors: Colors
    text: TextColors
    chrome: Chrome
    states: States

    def textual(self) -> Theme:
        """As a Textual theme; states, text steps and chrome become CSS variables (`$asks`, `$muted`, `$rule`...)."""
        colors = self.colors
        return Theme(
            name=self.name,
            dark=self.dark,
            **colors.model_dump(),
            variables={
                **self.states.model_dump(),
                **self.text.model_dump(),
                "rule": self.chrome.border,
                "rule-focus": self.chrome.border_focus,
                "cursor": self.chrome.cursor,
                "cursor-blurred": self.chrome.cursor_blurred,
                "border": self.chrome.border_focus,
                "border-blurred": self.chrome.border,
                "block-cursor-background": self.chrome.cursor,
                "block-cursor-foreground": self.text.bright,
                "block-cursor-blurred-background": self.chrome.cursor_blurred,
                "text-muted": self.text.muted,
                "text-disabled": self.text.faint,
                "scrollbar": self.chrome.border,
                "scrollbar-hover": self.text.faint,
                "scrollbar-active": self.chrome.border_focus,
                "scrollbar-background": colors.background,
                "scrollbar-background-hover": colors.background,
                "scrollbar-background-active": colors.background,
                "scrollbar-corner-color": colors.background,
                "input-selection-background": self.chrome.cursor,
            },
        )


def read_theme(path: Path) -> Theme:
    """Read and validate one theme file. Raises ConfigError naming the file and the key."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror or "" if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"cannot read theme {path}", why=why, fix="check the file, or remove it") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"theme {path} is not TOML", why=str(error), fix="correct that line") from None
    try:
        return ThemeFile.model_validate(values).textual()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        why = str(first["msg"]).removeprefix("Value error, ")
        raise ConfigError(f"theme {path}: key {key!r} is wrong", why=why, fix="compare with themes/dark.toml") from None


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
