"""Text from strangers, made safe to show: no control sequence, no bidi override, no markup is ever obeyed.

Messages, names, links and log lines come from agents. Everything that paints or prints passes through here.
"""

from __future__ import annotations

import re

# ECMA-48: CSI, OSC/DCS/SOS/PM/APC strings (ended by ST, BEL or the end of the text) and two-byte escapes,
# in their 8-bit forms too.
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*(?:[@-~]|$)"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x9c|\x1b\\|$|(?=\x1b))"
    r"|\x1b[ -/]*[0-~]?"
)
# C0, DEL, C1, and the characters that reorder or hide text (UAX #9 and friends).
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_HIDDEN = re.compile(r"[\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]")
_SPACE = re.compile(r"[ \t\r\n\v\f\x85\xa0\u2028\u2029]+")
_SUSPICIOUS = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\U000e0000-\U000e007f\ud800-\udfff]"
)


def strip_sequences(text: str) -> str:
    """Remove whole escape sequences (ECMA-48), leaving other control characters alone."""
    return _SEQUENCE.sub("", text)


def clean(text: str, *, tab: str = "    ") -> str:
    """One line safe to paint: sequences removed, tabs expanded, every other control or hidden character dropped.

    Line breaks become spaces. Lone surrogates become U+FFFD.
    """
    if not _SUSPICIOUS.search(text):
        return text
    text = strip_sequences(text).replace("\t", tab).replace("\r\n", " ").replace("\n", " ")
    text = _HIDDEN.sub("", _CONTROL.sub("", text))
    return text.encode("utf-8", "replace").decode("utf-8", "replace")


def one_line(text: str) -> str:
    """Like `clean`, with runs of white space collapsed and the ends trimmed: for names and messages."""
    return _SPACE.sub(" ", clean(_SPACE.sub(" ", strip_sequences(text)))).strip()
