"""Our pane as a viewer of a file or a pipe: `coder-tui logs FILE`, `PROGRAM | coder-tui logs -`."""

from __future__ import annotations

import gc
import os
from pathlib import Path

from coder_tui.cli.log_feed import FileFeed
from coder_tui.cli.log_file import LineFile
from coder_tui.config import load_config
from coder_tui.text import one_line
from coder_tui.tui.logview import LogView

_LEAST, _MOST = 64 << 20, 1 << 30  # bytes of lines that are kept
_ROOM = 3  # times the size of the file that its lines may take in memory


def view(file: LineFile, path: Path, *, grep: str, theme: str) -> int:
    """Show it until the person leaves; a file is followed, as it may grow, be rotated or truncated."""
    name = "stdin" if str(path) == "-" else one_line(path.name)
    feed = FileFeed(file, name, follow=True)
    limit = max(_LEAST, min(_MOST, os.fstat(file.descriptor).st_size * _ROOM)) if file.regular else _MOST
    config = load_config({"theme": theme or None})
    pattern = grep.replace("/", r"\/")
    app = LogView(feed, feed.row, limit=limit, filter=f"/{pattern}/" if grep else "", theme=config.theme or None)
    gc.freeze()  # what is loaded now stays
    gc.set_threshold(50_000, 50, 50)  # a block of lines is garbage soon, without cycles
    app.run()
    return app.return_code or 0
