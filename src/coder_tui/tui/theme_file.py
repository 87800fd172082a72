"""What a theme file may say. Loaded only for the user's own: ours are checked by the tests, not at each start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from textual.color import Color, ColorParseError


def _colour(text: str) -> str:
    try:
        Color.parse(text)
    except ColorParseError:
        raise ValueError(f"{text!r} is no colour; write it as #rrggbb") from None
    return text


Colour = Annotated[str, AfterValidator(_colour)]


class _Table(BaseModel):
    # A key we do not know is a typing error that would otherwise do nothing, silently.
    model_config = ConfigDict(extra="forbid", frozen=True)


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


def fault(values: Mapping[str, Any]) -> tuple[str, str] | None:
    """The first key of a theme file that is wrong (dotted), and why; None when it is right."""
    try:
        ThemeFile.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return ".".join(str(part) for part in first["loc"]), str(first["msg"]).removeprefix("Value error, ")
    return None
