"""Lines of logs on stdout: text, or one JSON object a line."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING

from coder_tui.logs import ansi
from coder_tui.logs.engine import Pattern
from coder_tui.logs.export import stamp
from coder_tui.text import one_line

if TYPE_CHECKING:
    from coder_tui.client.events import LogLine


class Printer:
    """Writes the lines that are wanted to stdout."""

    def __init__(self, pattern: Pattern | None, since: datetime | None, as_json: bool) -> None:
        self._pattern, self._since, self._json = pattern, since, as_json
        self._safe = sys.stdout.isatty()

    def line(self, log: str, source: str, line: LogLine) -> None:
        """One line of the log of that name."""
        if (self._since and line.at < self._since) or not self._matches(line.output.encode("utf-8", "replace")):
            return
        at = stamp(line.at.timestamp())
        if self._json:
            about = {"id": line.id, "created_at": at, "level": line.level, "source": source, "log": log}
            self._write(json.dumps(about | {"output": line.output}))
        else:
            name = one_line(f"{log}.{source}" if source else log)
            output = ansi.plain(line.output) if self._safe else line.output
            self._write(f"{at} [{one_line(line.level)}] [{name}] {output}")

    def raw(self, number: int, line: bytes, name: str) -> None:
        """One line of a file."""
        if not self._matches(line):
            return
        text = line.decode("utf-8", "replace")
        self._write(json.dumps({"id": number, "log": name, "output": text}) if self._json else text)

    def _matches(self, line: bytes) -> bool:
        return self._pattern is None or self._pattern.matches(ansi.strip(line))

    def _write(self, text: str) -> None:
        sys.stdout.write(text.encode("utf-8", "replace").decode("utf-8") + "\n")
