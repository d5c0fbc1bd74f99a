"""Write docs/errors.md from the catalog of error codes."""

from pathlib import Path

from ballast.blueprints.api.error_catalog import to_markdown

if __name__ == "__main__":
    Path(__file__).resolve().parents[1].joinpath("docs/errors.md").write_text(to_markdown(), encoding="utf-8")
