"""Which channels would reach a person here, for `doctor` and for who asks why nothing is heard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from coder_tui.notify.programs import Which, no_desktop
from coder_tui.notify.settings import CHANNELS, Settings
from coder_tui.notify.terminals import outer


def outlook(settings: Settings, environ: Mapping[str, str], platform: str, which: Which) -> Iterator[tuple[str, str]]:
    """Policy first, then each channel and what always stands, with what is to be expected of it."""
    hours = f", never {settings.quiet_hours}" if settings.quiet_hours else ""
    yield "when", f"{settings.when}{hours}"
    for channel in CHANNELS:
        unused = "" if channel in settings.used else "; no level uses it"
        yield channel, _channel(channel, settings, environ, platform, which) + unused
    yield "title", "counts who needs you" if settings.title else "switched off"
    yield "status", "a terminal that answers OSC 7501 is told of every agent" if settings.status else "switched off"


def _channel(channel: str, settings: Settings, environ: Mapping[str, str], platform: str, which: Which) -> str:
    if channel == "bell":
        return "works, as loud as the terminal makes it"
    if channel == "desktop":
        why = no_desktop(platform, which, environ)
        return f"does not work: {why}" if why else "works"
    if channel == "command":
        if not settings.command:
            return "none is set (command in [notify])"
        found = which(settings.command[0])
        return f"works: {found}" if found else f"does not work: there is no program {settings.command[0]}"
    around = outer(environ, settings.terminal)
    name = around.name or "this terminal"
    if around.form == "none":
        if settings.terminal == "none":
            return "switched off"
        why = "screen lets none through" if around.inside == "screen" else f"{name} is not known to show any"
        return f"does not work: {why}" + ("" if around.inside == "screen" else ' (terminal = "osc9" tries)')
    through = ", through tmux (allow-passthrough must be on)" if around.inside == "tmux" else ""
    return f"works: {around.form.upper().replace('OSC', 'OSC ')} to {name}{through}"
