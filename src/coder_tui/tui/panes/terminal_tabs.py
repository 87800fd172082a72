"""The terminals of one agent, as tabs: which there are, in which order, and what of them is remembered."""

from __future__ import annotations

from coder_tui.feeds.source import PtyTarget
from coder_tui.tui.panes.terminal_session import PtySource


class Tabs:
    """The tabs of the agent on show. Those of runs before are there too; an ended one is not remembered."""

    def __init__(self, source: PtySource) -> None:
        self._source = source
        self._agent = ("", "")
        self.targets: list[PtyTarget] = []

    def show(self, target: PtyTarget) -> None:
        """This one is shown: the tabs are its agent's, and it is one of them from now on."""
        agent = (target.deployment, target.agent_id)
        if agent != self._agent:
            self._agent = agent
            self.targets = list(self._source.terminals(*agent))
        if self.place(target) is None:
            self.targets.append(target)
        self._source.keep_terminal(target)

    def place(self, target: PtyTarget) -> int | None:
        """Where it stands, or None."""
        places = [index for index, one in enumerate(self.targets) if one.reconnect == target.reconnect]
        return places[0] if places else None

    def ended(self, target: PtyTarget) -> None:
        """Its program ended: the next run need not know of it."""
        self._source.forget_terminal(target.reconnect)

    def remove(self, target: PtyTarget) -> None:
        """No such tab any more."""
        self.ended(target)
        self.targets = [one for one in self.targets if one.reconnect != target.reconnect]

    def replace(self, old: PtyTarget, new: PtyTarget) -> None:
        """A new session in the place of an ended one."""
        self.ended(old)
        self.targets = [new if one.reconnect == old.reconnect else one for one in self.targets]

    def beside(self, target: PtyTarget, step: int) -> PtyTarget | None:
        """The one `step` further, round the ends; None where there is no other."""
        place = self.place(target)
        if place is None or len(self.targets) < 2:
            return None
        return self.targets[(place + step) % len(self.targets)]

    def labels(self) -> list[str]:
        """What the tabs are called: their number, and the end of their title."""
        return [f"{number} {_name(target)}" for number, target in enumerate(self.targets, 1)]


def _name(target: PtyTarget) -> str:
    words = target.title.split()
    return words[-1] if words else "terminal"
