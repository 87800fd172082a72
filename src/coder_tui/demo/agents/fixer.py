"""Fixes bugs in a scratch git repository: runs a real test suite, edits, runs it again until it is green, commits."""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from coder_tui.demo.agents.exercises import EXERCISES, Exercise
from coder_tui.demo.agents.kit import Kit, link, main, run

GIT = ("git", "-c", "user.name=fixer", "-c", "user.email=fixer@localhost", "-c", "commit.gpgsign=false")


@dataclass(frozen=True)
class Result:
    """What the suite said: number of tests, names of those that failed, its output."""

    ran: int
    failed: tuple[str, ...]
    output: str
    green: bool

    @property
    def summary(self) -> str:
        """For a report."""
        if self.green:
            return f"all {self.ran} tests pass"
        names = ", ".join(self.failed) if self.failed else "the module does not load"
        return f"{len(self.failed) or 'all'} of {self.ran} tests fail: {names}"


def test(repository: Path, name: str) -> Result:
    """Run the module's tests in a process of their own."""
    done = run([sys.executable, "-B", "-m", "unittest", "-v", f"test_{name}"], cwd=repository)
    ran = re.search(r"^Ran (\d+) test", done.stdout, re.MULTILINE)
    failed = re.findall(r"^(?:FAIL|ERROR): (test_\w+)", done.stdout, re.MULTILINE)
    return Result(int(ran[1]) if ran else 0, tuple(failed), done.stdout, done.returncode == 0)


def commit(kit: Kit, repository: Path, message: str) -> str:
    """Commit everything; the short id, or nothing where there is no git."""
    if not shutil.which("git"):
        return ""
    for command in (("add", "--all"), ("commit", "--quiet", "--message", message), ("log", "--oneline", "-1")):
        done = run([*GIT, *command], cwd=repository)
        if done.returncode:
            kit.log(done.stdout.splitlines(), "warn", source="git")
            return ""
    kit.log(done.stdout.splitlines(), source="git")
    return done.stdout.split()[0]


def show(kit: Kit, result: Result) -> None:
    """The run in the terminal and in the log."""
    for line in result.output.splitlines():
        verdict = re.match(r"(test_\w+) .* \.\.\. (ok|FAIL|ERROR)$", line)
        if verdict:
            bad = verdict[2] != "ok"
            kit.say(f"    {verdict[2]:<6}{verdict[1]}", "red" if bad else "green")
            kit.log([f"{verdict[1]} {verdict[2]}"], "error" if bad else "info", source="unittest")
    kit.log([result.summary], "info" if result.green else "warn", source="unittest")


def solve(kit: Kit, repository: Path, exercise: Exercise) -> None:
    """From red to green, one edit at a time."""
    module = repository / f"{exercise.name}.py"
    kit.report("working", f"Reading {module.name} and its tests")
    module.write_text(exercise.module, encoding="utf-8")
    (repository / f"test_{exercise.name}.py").write_text(exercise.tests, encoding="utf-8")
    commit(kit, repository, f"{exercise.name}: failing tests")
    result = test(repository, exercise.name)
    show(kit, result)
    for edit in exercise.edits:
        if result.green:
            break
        kit.report("working", f"{module.name}: {result.summary}")
        kit.pause(3)
        kit.report("working", f"{module.name}: {edit.why}")
        for sign, colour, text in (("-", "red", edit.old), ("+", "green", edit.new)):
            for line in text.strip("\n").splitlines():
                kit.say(f"    {sign} {line}", colour)
        source = module.read_text(encoding="utf-8")
        module.write_text(source.replace(edit.old, edit.new, 1), encoding="utf-8")
        kit.pause(2)
        result = test(repository, exercise.name)
        show(kit, result)
    if not result.green:
        kit.report("failure", f"I am out of ideas for {module.name}: {result.summary}", link(module))
        return
    reference = commit(kit, repository, f"{exercise.name}: {exercise.edits[-1].why}")
    kit.report(
        "complete",
        f"Fixed {module.name}: {result.summary}" + (f", commit {reference}" if reference else ""),
        link(module),
    )


def work(kit: Kit) -> None:
    """One exercise after the other."""
    repository = Path.cwd()
    if shutil.which("git") and not (repository / ".git").exists():
        run(["git", "init", "--quiet", "--initial-branch=main"], cwd=repository)
    for exercise in cycle(EXERCISES):
        solve(kit, repository, exercise)
        kit.pause(25)


if __name__ == "__main__":
    sys.exit(main("fixer", work))
