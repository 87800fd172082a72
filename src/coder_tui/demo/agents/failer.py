"""Compiles a package that holds a broken file, and says so. A person mends the file and presses enter."""

from __future__ import annotations

import sys
from pathlib import Path

from coder_tui.demo.agents.kit import Kit, link, main, run

FILES = {
    "cart.py": "def total(prices: list[float]) -> float:\n    return sum(prices)\n",
    "pricing.py": (
        "def with_tax(price: float, rate: float = 0.2) -> float:\n"
        "    return round(price * (1 + rate, 2)\n\n\nBASE = 10\n"
    ),
    "receipt.py": "def line(name: str, price: float) -> str:\n    return f'{name:<20}{price:>8.2f}'\n",
}


def check(kit: Kit, package: Path) -> list[str]:
    """Compile every file; one line for each that fails."""
    faults = []
    for path in sorted(package.glob("*.py")):
        done = run([sys.executable, "-m", "py_compile", str(path)])
        if done.returncode == 0:
            kit.say(f"    ok    {path.name}", "green")
            kit.log([f"ok {path.name}"], source="compile")
            continue
        lines = done.stdout.rstrip().splitlines()
        kit.say(f"    fail  {path.name}", "red")
        for line in lines:
            kit.say(f"          {line}", "dim")
        kit.log(lines, "error", source="compile")
        where = next((line.rpartition("line ")[2] for line in lines if ", line " in line), "?")
        faults.append(f"{path.name}:{where}: {lines[-1].removeprefix('Sorry: ') if lines else 'no output'}")
    return faults


def work(kit: Kit) -> None:
    """Compile, report, wait for a person; as often as they like."""
    package = Path("shop").resolve()
    package.mkdir(exist_ok=True)
    for name, text in FILES.items():
        if not (package / name).exists():
            (package / name).write_text(text, encoding="utf-8")
    while True:
        kit.report("working", f"Compiling {len(FILES)} files of {package.name}/ before the release")
        kit.pause(1)
        faults = check(kit, package)
        if faults:
            kit.report("failure", faults[0], link(package))
            kit.say(f"Mend {package}/{faults[0].partition(':')[0]}, then press enter here.", "yellow")
        else:
            kit.report("complete", f"{package.name}/ compiles: {len(FILES)} files", link(package))
            kit.say("Press enter to compile again.", "dim")
        if not sys.stdin.readline():
            return


if __name__ == "__main__":
    sys.exit(main("failer", work))
