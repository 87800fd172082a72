"""Reports that wait: order, repeats, limits, faults of network and disk."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from coder_tui.errors import ApiError, UnreachableError
from coder_tui.report.spool import BURST, DEBOUNCE, ENTRIES, GAP, OLDEST, Entry, Spool


class Time:
    """A clock that only `sleep` moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def spool(tmp_path: Path, clock: Time) -> Spool:
    return Spool(tmp_path / "spool", clock)


def test_in_order_and_each_once(spool: Spool, clock: Time, tmp_path: Path) -> None:
    assert spool.put("a", "working", "one")
    assert not spool.put("a", "working", "one")
    assert spool.put("b", "working", "one")
    assert spool.put("a", "idle", "one")
    assert spool.put("a", "working", "one", "https://x")
    sent: list[Entry] = []
    assert spool.send(sent.append, sleep=clock.sleep)
    assert [(one["app"], one["state"], one["link"]) for one in sent] == [
        ("a", "working", ""),
        ("b", "working", ""),
        ("a", "idle", ""),
        ("a", "working", "https://x"),
    ]
    assert spool.waiting() == 0
    assert not spool.put("a", "working", "one", "https://x")  # a new process knows what was sent last
    assert stat.S_IMODE((tmp_path / "spool").stat().st_mode) == 0o700
    for file in (tmp_path / "spool").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_cannot_be_sent_waits(spool: Spool, clock: Time) -> None:
    spool.put("a", "working", "one")
    spool.put("a", "idle", "two")
    tries = 0

    def down(entry: Entry) -> None:
        nonlocal tries
        tries += 1
        raise UnreachableError("no") if tries % 2 else ApiError("no", status=503)

    assert not spool.send(down, sleep=clock.sleep, patience=10)
    assert tries > 2
    assert spool.waiting() == 2
    sent: list[Entry] = []
    assert spool.send(sent.append, sleep=clock.sleep)
    assert [one["message"] for one in sent] == ["one", "two"]


def test_what_is_refused_is_dropped(spool: Spool, clock: Time) -> None:
    spool.put("nobody", "working", "one")
    spool.put("a", "idle", "two")
    sent: list[Entry] = []

    def send(entry: Entry) -> None:
        if entry["app"] == "nobody":
            raise ApiError("no such app", status=400)
        sent.append(entry)

    assert spool.send(send, sleep=clock.sleep)
    assert [one["app"] for one in sent] == ["a"]


def test_bounded_old_and_slow(spool: Spool, clock: Time) -> None:
    for number in range(ENTRIES + 20):
        spool.put("a", "working", f"m{number}")
    assert spool.waiting() == ENTRIES
    sent: list[Entry] = []
    assert spool.send(sent.append, sleep=clock.sleep)
    assert sent[0]["message"] == "m20"
    assert clock.slept == [GAP] * (ENTRIES - BURST + 1)
    spool.put("a", "idle", "old")
    clock.now += OLDEST + 1
    spool.put("a", "idle", "new")
    sent.clear()
    assert spool.send(sent.append, sleep=clock.sleep)
    assert [one["message"] for one in sent] == ["new"]


def test_a_question_that_is_answered_at_once_is_not_asked(spool: Spool, clock: Time) -> None:
    sent: list[Entry] = []
    spool.put("a", "idle", "may it?", needs="attention", icon="hook")
    spool.put("a", "working", "it does")
    assert spool.send(sent.append, sleep=clock.sleep)
    assert [one["message"] for one in sent] == ["it does"]
    spool.put("a", "idle", "may it?", needs="attention", icon="hook")
    before = clock.now
    assert spool.send(sent.append, sleep=clock.sleep)
    assert sent[-1]["needs"] == "attention"
    assert clock.now - before >= DEBOUNCE - 0.001


def test_one_sender_at_a_time(spool: Spool, clock: Time) -> None:
    spool.put("a", "working", "one")
    inner: list[bool] = []

    def send(entry: Entry) -> None:
        inner.append(spool.send(lambda _: None, sleep=clock.sleep))

    assert spool.send(send, sleep=clock.sleep)
    assert inner == [False]


def test_rubbish_and_a_full_disk(spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool.put("a", "working", "one")
    queue = tmp_path / "spool" / "queue"
    queue.write_bytes(b'{"half": \n\xff\xfe\n[1]\n' + queue.read_bytes())
    assert spool.waiting() == 1

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="No space"):
            spool.put("a", "idle", "two")
    assert spool.waiting() == 1
    assert not [name for name in os.listdir(tmp_path / "spool") if name.startswith(".queue")]
