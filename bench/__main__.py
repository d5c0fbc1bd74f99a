"""`make bench`: create+confirm through the real server, against what pgbench reaches on the same Postgres with the same statements."""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ballast.config import Settings
from ballast.local.binaries import find_postgres
from bench import renewals
from bench.stack import ROOT, running_stack
from bench.statements import capture, write_script

CLIENTS = 16
SECONDS = 20
WARM_UP = 5
# Ten seconds' worth; `python -m bench 10000` for another number.
RENEWALS = 800
# What the local stack gives its sandbox (ballast/local/environment.py).
DEMO_KEY = "sk_test_ballast_demo"


def main() -> None:
    """Measure, print the table, keep it as JSON."""
    with running_stack() as local:
        print(f"{platform.machine()}, {platform.system()}, {CLIENTS} clients, {SECONDS} s each", flush=True)
        spoken = capture(_settings(local), local["api_key"])
        script = write_script(spoken)
        load(local, WARM_UP)
        served = load(local, SECONDS)
        transactions = pgbench(local["database_app_url"], script, SECONDS)
        renewed = renewals.measure(local, _settings(local), DEMO_KEY, int(sys.argv[1]) if sys.argv[1:] else RENEWALS)
    rate = (served["requests"] - served["errors"]) / served["seconds"]
    result = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "create_confirm_per_second": round(rate, 1),
        "errors": served["errors"],
        "p50_ms": served["p50_ms"],
        "p99_ms": served["p99_ms"],
        "statements": sum(1 for line in spoken if line not in ("begin", "commit", "rollback")),
        "pgbench_per_second": round(transactions, 1),
        "ratio": round(rate / transactions, 3),
    } | renewed
    report(result)


def _settings(local: dict[str, Any]) -> Settings:
    secrets = json.loads((Path(local["state"]) / "secrets.json").read_text())
    return Settings(
        _env_file=None,
        database_url=local["database_app_url"],
        redis_url=local["redis_url"],
        sandbox_url=local["sandbox"],
        stripe_api_base=local["sandbox"],
        encryption_key=secrets["ENCRYPTION_KEY"],
        secret_key="bench",
    )


def load(local: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Create and confirm for `seconds`."""
    command = [sys.executable, "-m", "bench.load", local["web"], local["api_key"], str(CLIENTS), str(seconds)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def pgbench(url: str, script: str, seconds: int) -> float:
    """Transactions a second of the script; one transaction is one payment."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        program = find_postgres() / "pgbench"
        command: list[str | Path] = [
            program,
            "-n",
            "-M",
            "extended",
            "-c",
            str(CLIENTS),
            "-j",
            "2",
            "-T",
            str(seconds),
            "-f",
            file.name,
            url,
        ]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    if done.returncode or not found:
        raise RuntimeError(f"pgbench failed:\n{done.stderr[-2000:]}")
    return float(found[1])


def report(result: dict[str, Any]) -> None:
    """The table on the terminal, and bench/results/<date>.json."""
    print(
        f"  create+confirm through the server   {result['create_confirm_per_second']:>8} /s   "
        f"p50 {result['p50_ms']} ms, p99 {result['p99_ms']} ms, {result['errors']} errors"
    )
    print(f"  pgbench, the same {result['statements']} statements     {result['pgbench_per_second']:>8} /s")
    print(f"  ratio                               {result['ratio']:>8}")
    print(
        f"  renewals, the processor 300 ms away {result['renewals_per_second']:>8} /s   ({result['renewals']} of them)"
    )
    print(f"  of the pace it allows, 80 /s        {result['renewals_ratio']:>8}")
    folder = ROOT / "bench" / "results"
    folder.mkdir(exist_ok=True)
    (folder / f"{result['measured_at'][:10]}.json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
