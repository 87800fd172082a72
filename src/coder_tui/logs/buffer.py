"""An append-only, bounded store of log lines: bytes blobs and compact columns, no Python object per line.

Lines are numbered from 0 in order of arrival and keep their number for good, so that scroll positions and hits stay
right when old lines are dropped. The text lies in chunks of about 256 KiB: each is one UTF-8 blob (every line ends in
`\\n`) with a column each for line ends, levels, sources, times and ids. A full chunk is sealed (its text becomes
immutable bytes), so a search may read it while lines arrive, and dropping the oldest lines frees one chunk without
moving the others.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, count, islice, repeat
from operator import add
from typing import NamedTuple

LEVELS = ("", "trace", "debug", "info", "warn", "error", "note")
"""Level names by code, in rising order. 0 is a level we do not know, the last one marks our own dividers."""
NOTE = LEVELS.index("note")
DEFAULT_LIMIT = 64 << 20
"""Bytes an agent's buffer may hold unless told otherwise."""

_CODES = {name: code for code, name in enumerate(LEVELS) if name and code != NOTE}
_CHUNK = 256 << 10  # bytes of text at which a chunk is sealed
_SLICE = 256  # lines handled by one pass over the columns
_COLUMNS = 4 + 1 + 4 + 8 + 8  # bytes per line in the columns of a chunk

RawLine = tuple[int, float, str, str, str]
"""What `append` takes: server id, POSIX seconds, level name, source id, output (raw, may hold line breaks)."""


class Columns(NamedTuple):
    """What `extend` takes: a few hundred outputs as columns of one length, with what a `RawLine` has of each."""

    ids: Sequence[int]
    times: Sequence[float]
    levels: Sequence[str]
    sources: Sequence[str]
    outputs: Sequence[str]


class LogView(NamedTuple):
    """One display line. Lines split from one output share `id`, `at`, `level` and `source_id`.

    `text` is as written (unsafe to paint); `omitted` counts its bytes left out by the caller's limit.
    """

    number: int
    id: int
    at: float
    level: int
    source_id: str
    text: str
    omitted: int = 0


class Block(NamedTuple):
    """A run of neighbouring lines for one search pass: `data` is their UTF-8 text, each line ended by `\\n`.

    `ends` (offsets in `data` behind the line breaks), `levels` (codes), `sources` (indices into `LogBuffer.sources`)
    and `times` have one entry per line.
    """

    first: int
    data: bytes
    ends: array[int]
    levels: bytes
    sources: array[int]
    times: array[float]
    escapes: bool
    """There may be escape sequences in `data`."""


class _Chunk:
    """Neighbouring lines. `text` is a bytearray while it grows; `ends[i]` is the offset behind line i's newline."""

    __slots__ = ("block", "ends", "escapes", "first", "ids", "levels", "sources", "text", "times")

    def __init__(self, first: int) -> None:
        self.first = first
        self.text: bytearray | bytes = bytearray()
        self.ends = array("I")
        self.levels: bytearray | bytes = bytearray()
        self.sources = array("I")
        self.times = array("d")
        self.ids = array("q")
        self.escapes = True  # not looked for before it is sealed
        self.block: Block | None = None  # all of it, once it is sealed

    def __len__(self) -> int:
        return len(self.levels)

    def seal(self) -> None:
        """Give back what the growing columns hold in reserve; the text never changes again."""
        self.text = bytes(self.text)
        self.escapes = b"\x1b" in self.text or b"\xc2" in self.text  # C1 controls begin with C2 in UTF-8
        self.levels = bytes(self.levels)
        for name in ("ends", "sources", "times", "ids"):
            setattr(self, name, getattr(self, name)[:])
        self.block = Block(self.first, self.text, self.ends, self.levels, self.sources, self.times, self.escapes)


class _Indices(dict[str, int]):
    """Numbers strings in order of first use."""

    def __missing__(self, key: str) -> int:
        self[key] = value = len(self)
        return value


class LogBuffer:
    """Lines of one log. `limit` is in bytes, text and columns together; the newest chunk is always kept."""

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self.limit = limit
        self.names: dict[str, str] = {}
        """Display names by source id."""
        self.notes: list[int] = []
        """Numbers of our own dividers, ascending; those of dropped ones too."""
        self.grouped = False
        """Dividers name the source of the lines below: a build's stages."""
        self._chunks: deque[_Chunk] = deque([_Chunk(0)])
        self._bytes = 0
        self._sources = _Indices()
        self._source_ids: list[str] = []

    def __len__(self) -> int:
        return self.end - self.first

    @property
    def first(self) -> int:
        """Number of the oldest line held; as many older lines were dropped."""
        return self._chunks[0].first

    @property
    def end(self) -> int:
        """One more than the number of the newest line: how many lines were ever appended."""
        tail = self._chunks[-1]
        return tail.first + len(tail)

    @property
    def nbytes(self) -> int:
        """Bytes held, text and columns."""
        return self._bytes

    @property
    def sources(self) -> list[str]:
        """Ids of the sources seen so far, in order of appearance."""
        if len(self._source_ids) != len(self._sources):
            self._source_ids = list(self._sources)
        return self._source_ids

    def name_of(self, source_id: str) -> str:
        """The display name of a source, or the start of its id while it has none."""
        return self.names.get(source_id) or source_id[:8]

    def rename(self, names: Mapping[str, str]) -> bool:
        """Learn display names by source id. True when a known source is now called differently."""
        changed = any(self.names.get(key) != name for key, name in names.items())
        self.names.update(names)
        return changed

    def append(self, lines: Iterable[RawLine]) -> None:
        """Add outputs in order; one with line breaks (LF, CRLF) becomes several lines. May drop the oldest lines."""
        for _ in self.feed(lines):
            pass

    def feed(self, lines: Iterable[RawLine]) -> Iterator[None]:
        """Like `append`, in steps of at most 256 display lines (well under a millisecond for short ones).

        An event loop looks at its clock between two steps.
        """
        for rows in _slices(lines):
            yield from self.extend(Columns(*zip(*rows, strict=True)))

    def extend(self, columns: Columns) -> Iterator[None]:
        """Like `feed`, for at most a few hundred outputs that are columns already. Iterate it to the end."""
        joined = "\n".join(columns.outputs)
        if "\r" in joined or joined.count("\n") >= max(1, len(columns.outputs)):
            rows_of = zip(*columns, strict=True)
            parts = ((id, at, level, source, part) for id, at, level, source, text in rows_of for part in _split(text))
            for rows in _slices(parts):
                split = Columns(*zip(*rows, strict=True))
                self._append(split, "\n".join(split.outputs))
                yield
        elif columns.outputs:
            self._append(columns, joined)
            yield

    def note(self, text: str, at: float) -> None:
        """Add a divider of our own (level `note`, id -1): what happened to the stream at this place."""
        words = " ".join(text.split())
        self.notes.append(self.end)
        self._append(Columns((-1,), (at,), ("note",), ("",), (words,)), words, level=NOTE)

    def line(self, number: int, limit: int | None = None) -> LogView:
        """The line with that number, at most `limit` bytes of its text. IndexError when dropped or not there yet."""
        if not self.first <= number < self.end:
            raise IndexError(f"line {number} is not in {self.first}..{self.end - 1}")
        chunk = self._chunks[self._find(number)]
        row = number - chunk.first
        start = chunk.ends[row - 1] if row else 0
        end = chunk.ends[row] - 1
        cut = end if limit is None else min(end, start + limit)
        # A cut may split a character: its bytes are left out with the rest.
        text = chunk.text[start:cut].decode("utf-8", "ignore")
        source_id = self.sources[chunk.sources[row]]
        return LogView(number, chunk.ids[row], chunk.times[row], chunk.levels[row], source_id, text, end - cut)

    def since(self, at: float) -> int:
        """Number of the first line that is not older than `at` (POSIX seconds); `end` when all are."""
        for chunk in self._chunks:
            if len(chunk) and chunk.times[-1] >= at:
                return chunk.first + next(row for row, time in enumerate(chunk.times) if time >= at)
        return self.end

    def blocks(self, number: int = 0, most: int | None = None) -> list[Block]:
        """The lines from `number` on, block by block, at most `most` blocks. Sealed chunks are not copied.

        Blocks never change: another thread may read them.
        """
        number = max(number, self.first)
        if number >= self.end:
            return []
        start = self._find(number)
        stop = None if most is None else start + most
        return [_block(chunk, max(number - chunk.first, 0)) for chunk in islice(self._chunks, start, stop)]

    def _find(self, number: int) -> int:
        return bisect_right(self._chunks, number, key=lambda chunk: chunk.first) - 1

    def _append(self, columns: Columns, joined: str, *, level: int | None = None) -> None:
        """Add outputs without line breaks; `joined` are they with line breaks between."""
        ids, times, levels, sources, outputs = columns
        data = joined.encode("utf-8", "replace")
        sizes = map(len, outputs) if len(data) == len(joined) else (len(o.encode("utf-8", "replace")) for o in outputs)
        chunk = self._chunks[-1]
        ends = islice(accumulate(sizes, initial=len(chunk.text)), 1, None)
        # Every column is made before the first one grows: a bad line leaves them all as they were.
        new_ends = array("I", map(add, ends, count(1)))
        if level is None and levels.count(levels[0]) == len(levels):  # as most often
            level = _CODES.get(levels[0], 0)
        new_levels = bytes(map(_CODES.get, levels, repeat(0))) if level is None else bytes([level]) * len(ids)
        if sources.count(sources[0]) == len(sources):
            new_sources = array("I", [self._sources[sources[0]]]) * len(sources)
        else:
            new_sources = array("I", map(self._sources.__getitem__, sources))
        new_times, new_ids = array("d", times), array("q", ids)
        chunk.text += data
        chunk.text += b"\n"
        chunk.ends += new_ends
        chunk.levels += new_levels
        chunk.sources += new_sources
        chunk.times += new_times
        chunk.ids += new_ids
        self._bytes += len(data) + 1 + _COLUMNS * len(ids)
        if len(chunk.text) >= _CHUNK or len(chunk) * _COLUMNS >= _CHUNK:
            chunk.seal()
            self._chunks.append(_Chunk(self.end))
            self._drop()

    def _drop(self) -> None:
        """Free the oldest chunks until the limit holds again. The chunk before the empty newest one stays."""
        while self._bytes > self.limit and len(self._chunks) > 2:
            old = self._chunks.popleft()
            self._bytes -= len(old.text) + _COLUMNS * len(old)


def _slices(lines: Iterable[RawLine]) -> Iterator[list[RawLine]]:
    rest = iter(lines)
    while rows := list(islice(rest, _SLICE)):
        yield rows


def _block(chunk: _Chunk, row: int) -> Block:
    """The chunk's lines from its `row` on."""
    if not row and chunk.block is not None:
        return chunk.block
    start = chunk.ends[row - 1] if row else 0
    data = bytes(memoryview(chunk.text)[start:])
    ends = array("I", (end - start for end in chunk.ends[row:]))
    levels = bytes(chunk.levels[row:])
    return Block(chunk.first + row, data, ends, levels, chunk.sources[row:], chunk.times[row:], chunk.escapes)


def _split(output: str) -> list[str]:
    """Display lines of one output. One line break at its very end adds no empty line."""
    return output.replace("\r\n", "\n").removesuffix("\n").removesuffix("\r").split("\n")
