"""Write the generated parts of the clients from the API's own description: `python -m scripts.write_clients [FOLDER]`.

FOLDER holds `python/` and `node/` and is `clients` unless another is named. Node's is left out, with a word, where there is no npm.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

ROOT = Path(__file__).resolve().parents[1]
# Sent by what is written by hand around the generated calls, so no call asks for it.
SENT_ANYWAY: Final = ("Idempotency-Key", "Ballast-Version")
ARTICLES: Final = {"a", "an", "the", "your"}


def main(folder: Path) -> None:
    """Raises CalledProcessError, with the generator's words on the terminal, when one fails."""
    write_description(folder)
    write_python(folder / "python", folder / "openapi.json")
    if shutil.which("npm") is None:
        print("There is no npm here: the client for Node is left out.")
        return
    write_node(folder / "node")


def write_description(folder: Path) -> None:
    """`openapi.json` as the generators read it."""
    from ballast import create_app
    from ballast.config import Settings

    app = create_app("app", Settings(_env_file=None, ballast_env="test"))
    document = simplify(app.test_client().get("/api/openapi.json").get_json())
    (folder / "openapi.json").write_text(json.dumps(document, indent=1) + "\n")


def simplify(document: dict[str, Any]) -> dict[str, Any]:
    """The description with short names for its calls, one error for all that is not the answer, and no samples."""
    taken: set[str] = set()
    for item in document["paths"].values():
        for operation in item.values():
            operation.pop("x-codeSamples")
            operation["description"] = operation["description"].partition("\n\n```")[0]
            operation["operationId"] = name_of(operation["summary"])
            assert operation["operationId"] not in taken, f"two calls are called {operation['operationId']}"
            taken.add(operation["operationId"])
            operation["parameters"] = [one for one in operation["parameters"] if one["name"] not in SENT_ANYWAY]
            answers = operation["responses"]
            good = {status: answer for status, answer in answers.items() if status.startswith("2")}
            operation["responses"] = good | {"default": answers["400"]}
    return document


def name_of(summary: str) -> str:
    """`Rotate an endpoint's secret` → `rotate_endpoint_secret`."""
    words = re.findall(r"[a-z]+", summary.lower().replace("'s", ""))
    return "_".join(word for word in words if word not in ARTICLES)


def write_python(place: Path, description: Path) -> None:
    """The package `ballast_client.rest`, by openapi-python-client."""
    settings = place / "generator.json"
    settings.write_text(json.dumps({"post_hooks": []}))
    target = place / "ballast_client" / "rest"
    command = f"{Path(sys.executable).with_name('openapi-python-client')}", "generate", "--path", f"{description}"
    options = (
        "--meta",
        "none",
        "--output-path",
        f"{target}",
        "--overwrite",
        "--config",
        f"{settings}",
        "--fail-on-warning",
    )
    subprocess.run([*command, *options], check=True, cwd=place)
    settings.unlink()


def write_node(place: Path) -> None:
    """`src/schema.d.ts` by openapi-typescript, and `dist/` by TypeScript."""
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], check=True, cwd=place)
    subprocess.run(["npm", "run", "--silent", "build"], check=True, cwd=place)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "clients")
