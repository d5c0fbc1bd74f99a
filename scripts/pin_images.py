"""Write the digests that images have now beside their tags in compose.yaml and Dockerfile: `python -m scripts.pin_images`.

Asks the registry through Docker's own client, so it needs one that reaches it. `--check` only says which images are not pinned.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
FILES: Final = ("compose.yaml", "Dockerfile")
# `image: postgres:18` and `FROM postgres:18 AS …`; our own images have no digest before they are built.
IMAGE: Final = re.compile(
    r"(?P<before>^\s*image: |^FROM )(?P<name>(?!ballast)[\w./-]+:[\w.-]+)(?P<digest>@sha256:[0-9a-f]{64})?(?=\s|$)",
    re.MULTILINE,
)


def unpinned(text: str) -> list[str]:
    """The images that a file names by tag alone."""
    return [found["name"] for found in IMAGE.finditer(text) if not found["digest"]]


def pin(text: str, digests: dict[str, str]) -> str:
    """The file with the digest of each image."""
    return IMAGE.sub(lambda found: f"{found['before']}{found['name']}@{digests[found['name']]}", text)


def ask(name: str) -> str:
    """The digest of an image's index, for every platform; raises CalledProcessError where Docker cannot tell."""
    command = ["docker", "buildx", "imagetools", "inspect", "--format", "{{.Manifest.Digest}}", name]
    digest = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise ValueError(f"{name}: {digest!r} is no digest")
    return digest


def main(arguments: list[str]) -> int:
    """Pin, or say what is not pinned; the exit code."""
    texts = {name: (ROOT / name).read_text(encoding="utf-8") for name in FILES}
    if arguments == ["--check"]:
        loose = [f"{name}: {image}" for name, text in texts.items() for image in unpinned(text)]
        print("\n".join(loose))
        return 1 if loose else 0
    images = sorted({found["name"] for text in texts.values() for found in IMAGE.finditer(text)})
    digests = {image: ask(image) for image in images}
    for name, text in texts.items():
        (ROOT / name).write_text(pin(text, digests), encoding="utf-8")
    print("\n".join(f"{image}@{digest}" for image, digest in digests.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
