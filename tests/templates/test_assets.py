"""Static files: vendored ones are what they claim to be, and the pages stay light."""

from __future__ import annotations

import hashlib
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import brotli  # type: ignore[import-untyped]
import pytest

import ballast

STATIC = Path(ballast.__file__).parent / "static"
READMES = sorted(STATIC.rglob("README.md"))


def compressed(*names: str) -> int:
    return sum(len(brotli.compress((STATIC / name).read_bytes())) for name in names)


@pytest.mark.parametrize("readme", READMES, ids=[str(path.parent.name) for path in READMES])
def test_vendored_files_have_the_checksums_they_claim(readme: Path) -> None:
    claimed = re.findall(r"^([0-9a-f]{64})  (\S+)$", readme.read_text(), re.MULTILINE)
    assert claimed
    for checksum, name in claimed:
        assert hashlib.sha256((readme.parent / name).read_bytes()).hexdigest() == checksum, name


def test_every_vendored_part_has_its_licence() -> None:
    for folder in (*(STATIC / "vendor").iterdir(), STATIC / "fonts"):
        assert [path for path in folder.iterdir() if "LICENSE" in path.name], folder


def test_a_dashboard_page_weighs_less_than_sixty_kilobytes() -> None:
    font = (STATIC / "fonts/inter-4.1.1-latin.woff2").stat().st_size
    parts = compressed("css/ballast.css", "js/ui.js", "vendor/htmx-4.0.1/htmx.min.js", "icons.svg", "favicon.svg")
    assert font + parts < 52_000  # leaves 8 kB for the page itself


def test_a_shop_page_with_four_pictures_weighs_less_than_sixty_kilobytes() -> None:
    font = (STATIC / "fonts/inter-4.1.1-latin.woff2").stat().st_size
    pictures = [f"shop/{path.name}" for path in (STATIC / "shop").glob("*.svg")]
    parts = compressed("css/ballast.css", "js/ui.js", "vendor/htmx-4.0.1/htmx.min.js", "icons.svg", *pictures)
    assert font + parts < 56_000


@pytest.mark.parametrize("picture", sorted((STATIC / "shop").glob("*.svg")), ids=lambda path: path.stem)
def test_a_still_life_is_small_and_four_by_five(picture: Path) -> None:
    assert picture.stat().st_size <= 4096
    assert ElementTree.parse(picture).getroot().get("viewBox") == "0 0 480 600"


def test_scripts_of_ours_need_no_eval() -> None:
    for path in (STATIC / "js").glob("*.js"):
        assert not re.search(r"\beval\(|new Function|innerHTML|document\.write", path.read_text()), path


def test_the_sheet_refers_only_to_files_that_exist() -> None:
    for name in re.findall(r"url\(\"([^\"]+)\"\)", (STATIC / "css/ballast.css").read_text()):
        assert (STATIC / "css" / name).resolve().exists(), name
