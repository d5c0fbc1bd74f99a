"""`make audit`: whether a package of uv.lock has a known vulnerability, asked of PyPI's advisories by pip-audit. Needs the network."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# One version for everybody; it is run by uv and is no dependency of ours.
PIP_AUDIT = "pip-audit==2.10.1"
FOUND, UNPROVED = 1, 2
PATIENCE = 600


def main() -> int:
    """Print what was found; 0: nothing known, 1: a known vulnerability, 2: not every package could be looked up."""
    with tempfile.TemporaryDirectory() as folder:
        locked = Path(folder) / "requirements.txt"
        export = ("export", "--quiet", "--frozen", "--all-groups", "--no-emit-project", "--output-file", str(locked))
        done = run("uv", *export)
        if done.returncode:
            return give_up(f"uv could not read uv.lock:\n{done.stderr}")
        options = ("--no-deps", "--disable-pip", "--progress-spinner=off", "--format=json")
        return judge(run("uv", "tool", "run", PIP_AUDIT, "--requirement", str(locked), *options))


def run(*command: str) -> "subprocess.CompletedProcess[str]":
    """One command in the project's folder, `uv` being the one of `.venv` where there is one."""
    own = Path(sys.executable).with_name(command[0])
    words = (str(own) if own.exists() else command[0], *command[1:])
    return subprocess.run(words, check=False, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)


def judge(done: "subprocess.CompletedProcess[str]") -> int:
    """What pip-audit's answer comes to. A package it could not look up is not one without vulnerabilities."""
    try:
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except ValueError:
        last = done.stderr.strip().splitlines()[-1:] or ["It said nothing."]
        return give_up(f"pip-audit could not be had, or could not reach https://pypi.org. It said:\n{last[0]}")
    bad = [(one, found) for one in packages for found in one.get("vulns", ())]
    for one, found in bad:
        fixed = ", ".join(found["fix_versions"]) or "no version yet"
        print(f"{one['name']} {one['version']}: {found['id']}, mended in {fixed}")
    if bad:
        return FOUND
    unknown = [one["name"] for one in packages if "skip_reason" in one]
    if unknown or not packages:
        return give_up(
            f"{len(unknown)} of {len(packages)} packages could not be looked up: {', '.join(unknown[:5])} …\n"
            "Is PyPI reachable, and not a mirror without its advisories?"
        )
    print(f"No known vulnerability in the {len(packages)} packages of uv.lock.")
    return 0


def give_up(why: str) -> int:
    """Say that nothing is proved, and why."""
    print(f"{why}\nNothing was found, and nothing is proved.", file=sys.stderr)
    return UNPROVED


if __name__ == "__main__":
    sys.exit(main())
