import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.checkout import Checkout

ROOT = Path(__file__).resolve().parents[2]
STANDIN = Path(__file__).parent / "standin"


def make_checkout(folder: Path) -> Checkout:
    """A checkout with the real supervisor and a stand-in for the application."""
    shutil.copytree(STANDIN, folder)
    shutil.copytree(ROOT / "ballast" / "local", folder / "ballast" / "local")
    shutil.copy(ROOT / "app.py", folder)
    for name in ("serving.py", "footprint.py"):
        shutil.copy(ROOT / "ballast" / name, folder / "ballast")
    return Checkout(folder)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A stack that runs, in a folder with a space in its name."""
    checkout = make_checkout(tmp_path_factory.mktemp("stack") / "first checkout")
    checkout.start()
    yield checkout
    checkout.stop()


@pytest.fixture
def idle(tmp_path: Path) -> Iterator[Checkout]:
    """A checkout in which nothing runs yet."""
    checkout = make_checkout(tmp_path / "second checkout")
    yield checkout
    checkout.stop()
