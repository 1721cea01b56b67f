"""What the installed plugin costs a pytest run that has no dialogue in it.

    python benchmarks/startup.py [--repeat 15]

Runs pytest on one empty test, with one plugin and with none, in turns, and prints the CPU seconds of whole
processes: the least of each and their difference, for this plugin and for the others that are installed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from importlib.metadata import entry_points
from pathlib import Path


def cpu_s(arguments: list[str], folder: Path) -> float:
    """CPU seconds of one pytest process."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    pid = subprocess.Popen(
        command, cwd=folder, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ).pid
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=15)
    repeat = parser.parse_args().repeat
    plugins = sorted(point.name for point in entry_points(group="pytest11"))
    others = {name: ["-p", f"no:{name}"] for name in plugins if name != "pytester"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_empty.py").write_text("def test_empty():\n    pass\n")
        # Each plugin's cost is measured with all others off, so that shared imports are not credited to one.
        all_off = [option for options in others.values() for option in options]
        for plugin in others:
            alone = [option for other, options in others.items() if other != plugin for option in options]
            pairs = [(cpu_s(alone, folder), cpu_s(all_off, folder)) for _ in range(repeat)]
            best_alone, best_without = (min(column) for column in zip(*pairs, strict=True))
            cost_ms = 1000 * (best_alone - best_without)
            print(
                f"{plugin:<20} {cost_ms:>6.0f} ms   ({best_alone:.3f} s with it, {best_without:.3f} s without)"
            )


if __name__ == "__main__":
    main()
