"""Base of the pages that ask the deployment about one agent, and only while they are looked at."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Hashable, Sequence
from typing import Generic, TypeVar

from textual.content import Content
from textual.message import Message

from coder_tui.errors import CoderTuiError
from coder_tui.feeds.source import AgentRef, Known, Source, Trouble
from coder_tui.fleet.attention import GONE
from coder_tui.fleet.snapshot import Deployment, Row
from coder_tui.text import one_line
from coder_tui.tui.actions import bindings
from coder_tui.tui.states import path_of
from coder_tui.tui.widgets.line_view import Item
from coder_tui.tui.widgets.lines import LineList
from coder_tui.tui.widgets.titled import Titled

Value = TypeVar("Value")

_KEPT = 8  # agents whose last known value stays in memory, so that going back to one shows it at once
_DEPLOYMENT = Deployment("")


class CloseUp(Titled, LineList[Item], Generic[Item, Value]):
    """`aim` says whom it is about, `look` opens the stream, `rest` closes it. Subclasses say what is asked for."""

    BINDINGS = [*bindings("page")]
    PAGE = ""
    WHAT = ""  # what is read, in words: "ports"
    NEEDS_AGENT = True  # only a connected agent can answer

    class Changed(Message):
        """Other lines are shown: their ages may be young."""

    def __init__(self, source: Source, *, id: str | None = None) -> None:
        super().__init__(id=id, classes="pane")
        self.source = source
        self.row: Row | None = None
        self.deployment = _DEPLOYMENT
        self.value: Value | None = None
        self.trouble: Trouble | None = None
        self._kept: OrderedDict[AgentRef, Known[Value]] = OrderedDict()
        self._target: tuple[AgentRef, str] | None = None  # whom it is about; the agent's status where that matters
        self._asking = False
        self._fresh = False  # the value came from the stream that runs
        self._subtitle = ""

    # --- for subclasses ---

    def follow(self, agent: AgentRef) -> AsyncIterator[Known[Value] | Trouble]:
        """The stream to read."""
        raise NotImplementedError

    def lay_out(self, value: Value) -> tuple[Sequence[Item], Sequence[Hashable]]:
        """Items and their keys (None where the cursor does not stop)."""
        raise NotImplementedError

    def nothing(self, value: Value) -> Sequence[tuple[str, str]]:
        """What to say when there are no items: (text, voice) paragraphs."""
        raise NotImplementedError

    def copied(self, item: Item) -> tuple[str, str]:
        """What is copied of an item, and how the toast calls it (empty: by itself)."""
        raise NotImplementedError

    # --- for the screen ---

    def aim(self, row: Row | None, deployment: Deployment | None) -> None:
        """This row is selected. Cheap when nothing changed; asks nothing."""
        self.row, self.deployment = row, deployment or _DEPLOYMENT
        # about the agent: which of its apps is selected does not matter
        self.entitle(path_of(row)[:2] if row else ())
        target = None
        if row is not None and row.agent is not None:
            ref = AgentRef(row.key.deployment, row.key.workspace_id, row.agent.id)
            target = (ref, row.agent.status if self.NEEDS_AGENT else "")
        if target != self._target:
            self.rest()
            other = target is None or self._target is None or target[0] != self._target[0]
            self._target, self.trouble = target, None
            if other:
                kept = self._kept.get(target[0]) if target else None
                self.value, self._fresh = kept.value if kept else None, False
                self.cursor, self.top = -1, 0
            self._fill()
        self._tell()

    def look(self) -> None:
        """The page is looked at: ask, unless it is being asked already, or nobody could answer."""
        if self._target is None or self._asking or self._cannot() or (self.trouble and not self.trouble.retry_at):
            return
        self._asking = True
        self.run_worker(self._read(self._target[0]), name=f"{self.WHAT} of {self._whose()}", group="stream:closeup")
        self._tell()

    def rest(self) -> None:
        """Nobody looks: ask no more. What is known stays."""
        if self._asking:
            self._asking = self._fresh = False
            self.workers.cancel_group(self, "stream:closeup")

    def again(self) -> None:
        """A person wants it now."""
        self.rest()
        self.trouble = None
        self.look()

    # --- reading ---

    async def _read(self, ref: AgentRef) -> None:
        events: AsyncIterator[Known[Value] | Trouble] | None = None
        try:
            events = self.follow(ref)
            async for event in events:
                self._hear(ref, event)
            if self.trouble is None:
                self._hear(ref, Trouble("the stream ended"))
        except CoderTuiError as error:
            self._hear(ref, Trouble(str(error)))
        except asyncio.CancelledError:
            raise
        except Exception as error:  # a bug in a feed costs this page, not the program; it is shown, not hidden
            self._hear(ref, Trouble(f"{type(error).__name__}: {error}"))
        finally:
            if isinstance(events, AsyncGenerator):
                await events.aclose()
        self._asking = False

    def _hear(self, ref: AgentRef, event: Known[Value] | Trouble) -> None:
        if self._target is None or self._target[0] != ref:
            return
        if isinstance(event, Trouble):
            self.trouble, self._fresh = event, False
        else:
            self.trouble, self._fresh = None, True
            self._kept[ref] = event
            self._kept.move_to_end(ref)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            if self.now is None or event.at > self.now:
                self.now = event.at
            if event.value != self.value:
                self.value = event.value
                self._fill()
                self.post_message(self.Changed())
        self._tell()

    def _fill(self) -> None:
        items, keys = ([], []) if self.value is None or self._cannot() else self.lay_out(self.value)
        if items and list(keys) == list(self._keys):  # live values: only what changed is painted again
            changed = [place for place, (old, new) in enumerate(zip(self.items, items, strict=True)) if old != new]
            self.items = items
            self.repaint_items(changed)
            return
        self.fill(items, keys)
        if self.cursor < 0 and items:
            self._move(0, tell=False)

    # --- words ---

    def _whose(self) -> str:
        return " ".join(path_of(self.row)[:2]) if self.row else ""

    def _cannot(self) -> str:
        """Why nobody can answer; empty when somebody can."""
        row = self.row
        if row is None or row.agent is None:
            return "no agent"
        return f"The agent is {row.agent.status}." if self.NEEDS_AGENT and row.agent.status in GONE else ""

    def _tell(self) -> None:
        """The note where there are no lines, and the mark on the border."""
        row, dots = self.row, self.glyphs.ellipsis
        place = self.deployment.name or "the deployment"
        if row is None:
            self.say((f"Select an agent on the left to see its {self.WHAT}.", "muted"))
        elif row.agent is None:
            word = row.workspace.build_status or "not running"
            self.say((f"The workspace is {word}.", "foreground"), ("Press w to start it.", "muted"))
        elif cannot := self._cannot():
            self.say((cannot, "foreground"), (f"Its {self.WHAT} show here when it is back.", "muted"))
        elif self.trouble is not None:
            self.say(
                (f"Cannot read the {self.WHAT} of {self._whose()} from {place}: {self.trouble.why}", "failed"),
                (f"{self._next_try(self.trouble)}ctrl+r tries now.", "muted"),
            )
        elif self.value is not None:
            self.say(*self.nothing(self.value))
        else:
            self.say((f"Reading the {self.WHAT} of {self._whose()} from {place}{dots}", "muted"))
        self._mark()

    def _mark(self) -> None:
        """Stale is said where lines are shown that may be so no more."""
        words = ""
        if self.items and self.trouble is not None:
            words = f"stale {self.glyphs.dot} {self._next_try(self.trouble)}{one_line(self.trouble.why)}"
        elif self.items and ((self.row is not None and self.row.stale) or not (self._fresh or self._asking)):
            words = "stale"
        if words != self._subtitle:
            self._subtitle = words
            self.border_subtitle = Content(words)
            self.set_class(bool(words), "-stale")

    @staticmethod
    def _next_try(trouble: Trouble) -> str:
        return f"Next try {trouble.retry_at.astimezone():%H:%M:%S}. " if trouble.retry_at else ""

    # --- keys ---

    def action_copy(self) -> None:
        """Copy what the cursor stands on."""
        if not 0 <= self.cursor < len(self.items):
            self.app.notify("There is nothing to copy.", markup=False, timeout=3)
            return
        text, name = self.copied(self.items[self.cursor])
        text = one_line(text)
        if not text:
            self.app.notify("There is nothing to copy.", markup=False, timeout=3)
            return
        self.app.copy_to_clipboard(text)
        self.app.notify(f"Copied {one_line(name) or text[:80]}", markup=False, timeout=4)

    def action_open(self) -> None:
        """Enter: what a page can do with a line; copying, if nothing better."""
        self.action_copy()
