"""`make check`: one ordered list of steps, the first failure ends it."""

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHON = sys.executable
TOOLS = Path(PYTHON).parent

STEPS: tuple[tuple[str, tuple[str | Path, ...]], ...] = (
    ("format", (PYTHON, "-m", "ruff", "format", "--check", ".")),
    ("lint", (PYTHON, "-m", "ruff", "check", ".")),
    (
        "types",
        (PYTHON, "-m", "mypy", "--strict", "ballast", "scripts", "app.py", "worker.py"),
    ),
    ("imports", (PYTHON, TOOLS / "lint-imports")),
    ("templates", (PYTHON, "-m", "scripts.check_templates")),
    ("migrations", (PYTHON, "-m", "scripts.check_migrations")),
    ("settings", (PYTHON, "-m", "scripts.write_configuration", "--check")),
    ("links", (PYTHON, "-m", "scripts.check_links")),
)


def main() -> int:
    """Run the steps in order; the exit code is 1 at the first that fails, after its output and its command."""
    for name, command in STEPS:
        began_at = time.monotonic()
        print(f"{name:<12}", end="", flush=True)
        done = subprocess.run(
            command, check=False, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        seconds = time.monotonic() - began_at
        print(f"{'FAILED' if done.returncode else 'ok'}  {seconds:.1f} s", flush=True)
        if done.returncode:
            words = [str(word).replace(f"{TOOLS}/", ".venv/bin/") for word in command]
            print(f"\n{done.stdout}\nThe step `{name}` failed: {' '.join(words)}")
            return 1
    print("Everything is in order.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
