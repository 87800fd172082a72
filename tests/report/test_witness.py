"""What several witnesses come to: ranks, loans, lifetimes, and what is told."""

from __future__ import annotations

import base64

import pytest

from coder_tui.report.evidence import SETTLE, Evidence, Fusion, Source
from coder_tui.report.records import LIMIT, Records
from coder_tui.report.signals import Status
from coder_tui.report.witness import TYPED, Change, Witness


def state(fusion: Fusion) -> tuple[str, str, Source] | None:
    verdict = fusion.verdict()
    return (verdict.state, verdict.asks, verdict.source) if verdict else None


def test_a_report_outranks_what_began_before_it() -> None:
    fusion = Fusion()
    fusion.put(Evidence(Source.OSC, "working", at=1))
    fusion.put(Evidence(Source.REPORTED, "complete", message="done", at=2))
    fusion.put(Evidence(Source.OSC, "working", at=3))  # still the same work
    assert state(fusion) == ("complete", "", Source.REPORTED)
    fusion.put(Evidence(Source.OSC, "idle", at=4))  # to rest is nothing new after an outcome
    assert state(fusion) == ("complete", "", Source.REPORTED)
    fusion.put(Evidence(Source.OSC, "working", at=5))
    assert state(fusion) == ("working", "", Source.OSC)
    verdict = fusion.verdict()
    assert verdict is not None
    assert (verdict.message, verdict.since, verdict.age(7)) == ("done", 5, 2)
    assert [one.source for one in verdict.overruled] == [Source.REPORTED]


def test_a_turn_that_ended_ends_a_working_report() -> None:
    fusion = Fusion()
    fusion.put(Evidence(Source.REPORTED, "working", message="fix it", link="https://x", at=1))
    fusion.put(Evidence(Source.HOOK, "idle", at=9))
    assert state(fusion) == ("idle", "", Source.HOOK)
    verdict = fusion.verdict()
    assert verdict is not None
    assert (verdict.message, verdict.link) == ("fix it", "https://x")


def test_a_straggling_hook_does_not_contradict_osc() -> None:
    fusion = Fusion()
    fusion.put(Evidence(Source.OSC, "idle", at=10))
    fusion.put(Evidence(Source.HOOK, "working", at=10 + SETTLE / 2))
    assert state(fusion) == ("idle", "", Source.OSC)


def test_a_question_is_a_loan() -> None:
    fusion = Fusion()
    fusion.put(Evidence(Source.REPORTED, "working", at=1))
    fusion.put(Evidence(Source.OSC, "idle", "permission", at=2))
    assert state(fusion) == ("idle", "permission", Source.OSC)
    fusion.retract(Source.OSC)
    assert state(fusion) == ("working", "", Source.REPORTED)


def test_progress_alone_is_never_work_but_ends_an_interrupted_turn() -> None:
    fusion = Fusion()
    fusion.put(Evidence(Source.PROGRESS, "working", at=1))
    assert state(fusion) is None
    fusion.put(Evidence(Source.HOOK, "working", at=2))
    fusion.put(Evidence(Source.PROGRESS, "idle", at=3))
    assert state(fusion) == ("idle", "", Source.PROGRESS)
    fusion.put(Evidence(Source.PROGRESS, "working", at=4))
    assert state(fusion) == ("working", "", Source.HOOK)


def test_records_replace_clear_and_inherit() -> None:
    records = Records()
    records.apply(Status("working", app="codex"))
    records.apply(Status("working", "a", title="one"))
    records.apply(Status("idle", "a/b"))
    assert records.app(Status("idle", "a/b")) == "codex"
    assert records.summary() == Status("working", app="codex")
    records.apply(Status("blocked", "a/b", "question"))
    assert records.summary() == Status("blocked", "a/b", "question")
    records.apply(Status("clear", "a"))
    assert (len(records), records.summary()) == (1, Status("working", app="codex"))
    records.apply(Status("done", "c"))
    records.settle()
    assert records.summary() == Status("done", "c")
    records.apply(Status("clear"))
    assert (len(records), records.summary()) == (0, None)
    for number in range(LIMIT + 10):
        records.apply(Status("idle", f"n{number}"))
    assert len(records) == LIMIT
    records.reset()
    assert len(records) == 0


def report(words: str, msg: str = "") -> bytes:
    text = f":msg={base64.b64encode(msg.encode()).decode()}" if msg else ""
    return f"\x1b]7501;{words}{text}\x1b\\".encode()


def test_only_changes_are_told() -> None:
    witness = Witness()
    assert witness.output(b"hello\n", 0) == (b"", ())
    assert witness.change() is None
    assert witness.output(b"\x1b]7501;?\x1b\\\x1b[c", 1)[0] == b"\x1b]7501;?\x1b\\"
    witness.output(report("state=working", "reading \u202e<b>"), 2)
    assert witness.change() == Change("working", "reading <b>", "", Source.OSC)
    witness.output(report("state=working", "writing"), 3)
    assert witness.change() is None
    witness.output(report("state=blocked:kind=auth"), 4)
    assert witness.change() == Change("idle", "waits for a login", "", Source.OSC, "auth")
    witness.output(report("state=blocked:kind=question"), 4)
    assert witness.change() == Change("idle", "waits for an answer", "", Source.OSC, "question")
    witness.output(report("state=done", "x" * 400), 5)
    assert witness.change() == Change("complete", "x" * 160, "", Source.OSC)
    witness.output(report("state=error"), 6)
    change = witness.change()
    assert change is not None
    assert change.state == "failure"


def test_a_question_taken_back_leaves_what_was_there() -> None:
    witness = Witness()
    witness.output(report("state=blocked"), 1)
    change = witness.change()
    assert change is not None
    assert change.asks
    witness.output(report("state=clear"), 2)
    assert witness.change() == Change("idle", "waits for you", "", Source.NOTICE)
    assert witness.change() is None


def test_a_shell_prompt_ends_what_is_no_outcome() -> None:
    witness = Witness()
    witness.output(report("state=working"), 1)
    witness.change()
    witness.output(b"\x1b]133;A\x07", 2)
    change = witness.change()
    assert change is not None
    assert change.state == "idle"


@pytest.mark.parametrize(
    ("pulse", "message"),
    [
        (b"\x07", "rang the bell"),
        (b"\x1b]9;Approval requested\x07", "Approval requested"),
        (b"\x1b]777;notify;aider;ready\x07", "aider: ready"),
        (b"\x1b]99;;come\x1b\\", "come"),
    ],
)
def test_a_pulse_calls_until_somebody_types(pulse: bytes, message: str) -> None:
    witness = Witness()
    witness.typed(0)
    witness.output(pulse, TYPED + 1)
    assert witness.change() == Change("idle", message, "", Source.NOTICE, "attention")
    witness.typed(TYPED + 2)
    assert witness.change() == Change("idle", message, "", Source.NOTICE)
    witness.output(b"\x07", TYPED + 3)  # an answer to the key
    assert witness.change() is None


def test_a_pulse_counts_only_while_nobody_speaks() -> None:
    witness = Witness()
    witness.output(report("state=idle"), 1)
    witness.change()
    witness.output(b"\x1b]9;turn complete\x07", 2)
    assert witness.change() is None


def test_what_was_reported_is_not_told_again() -> None:
    witness = Witness()
    witness.reported("working", "fix", "https://x", "", 1)
    assert witness.change() is None
    witness.hooked("idle", "May I?", "attention", 2)
    assert witness.change() == Change("idle", "May I?", "https://x", Source.HOOK, "attention")
    witness.hooked("working", "", "", 3)
    assert witness.change() == Change("working", "fix", "https://x", Source.REPORTED)


@pytest.mark.parametrize(
    ("before", "code", "told"),
    [
        ("", 0, ("complete", False)),
        ("", 3, ("failure", False)),
        ("state=working", 0, ("complete", False)),
        ("state=working", 130, ("idle", False)),
        ("state=blocked", 0, ("complete", False)),
        ("state=blocked", 2, ("failure", False)),
        ("state=idle", 1, ("failure", False)),
        ("state=done", 1, None),
        ("state=error", 0, None),
        ("", 130, None),
    ],
)
def test_the_end_of_the_program(before: str, code: int, told: tuple[str, bool] | None) -> None:
    witness = Witness()
    if before:
        witness.output(report(before, "step"), 1)
        witness.change()
    witness.ended(code, 2)
    change = witness.change()
    assert (change and (change.state, bool(change.asks))) == told
    if change and code == 3:
        assert change.message == "exited with code 3"


def test_the_title_is_a_message_of_last_resort() -> None:
    witness = Witness()
    witness.output("\x1b]0;⠋ ✳ Fix the login\x07".encode() + report("state=working"), 1)
    change = witness.change()
    assert change is not None
    assert change.message == "Fix the login"
