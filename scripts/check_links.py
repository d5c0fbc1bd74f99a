"""Every relative link and anchor in our Markdown files leads somewhere."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parents[1]

FENCE = re.compile(r"^( *)(```+|~~~+).*?^\1\2\s*$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
LINKS = (
    re.compile(r"\]\(\s*<?([^)\s>]+)>?(?:\s+[\"'(][^)]*)?\)"),
    re.compile(r"^ {0,3}\[[^\]^]+\]:\s*<?(\S+?)>?(?:\s|$)", re.MULTILINE),
    re.compile(r"<(?:a|img|source)\b[^>]*?\b(?:href|src|srcset)=[\"']([^\"']+)[\"']"),
)
HEADING = re.compile(r"^ {0,3}#{1,6}\s+(.+?)\s*#*\s*$", re.MULTILINE)
NAMED = re.compile(r"<[a-z]+\b[^>]*?\b(?:id|name)=[\"']([^\"']+)[\"']")
FOREIGN = re.compile(r"^(?:[a-z][a-z0-9+.-]*:|//)", re.IGNORECASE)


def main() -> int:
    """Print every link that leads nowhere; the exit code."""
    broken = [problem for page in find_pages(ROOT) for problem in find_broken(page)]
    for problem in broken:
        print(problem)
    return 1 if broken else 0


def find_pages(root: Path) -> list[Path]:
    """The Markdown files git knows or would add; all outside hidden folders where there is no git."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", "*.md"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        return [root / name for name in sorted(filter(None, listed.stdout.split("\0"))) if (root / name).exists()]
    pages = sorted(root.rglob("*.md"))
    return [page for page in pages if not any(part.startswith(".") for part in page.relative_to(root).parts)]


def find_broken(page: Path) -> Iterator[str]:
    """One sentence for each link of a page that leads nowhere."""
    text = page.read_text(encoding="utf-8")
    for line, link in find_links(text):
        problem = explain(page, link)
        if problem:
            yield f"{page.relative_to(ROOT) if page.is_relative_to(ROOT) else page}:{line}: {link}: {problem}"


def find_links(text: str) -> list[tuple[int, str]]:
    """Line and target of each link that stays within the repository."""
    prose = _blank_code(text)
    found = [(prose.count("\n", 0, match.start()) + 1, match[1]) for link in LINKS for match in link.finditer(prose)]
    return sorted((line, target) for line, target in found if not FOREIGN.match(target))


def find_anchors(text: str) -> set[str]:
    """The anchors of a page: its headings as GitHub spells them, and ids written in HTML."""
    prose = COMMENT.sub(_keep_lines, FENCE.sub(_keep_lines, text))
    anchors: set[str] = set()
    for heading in HEADING.findall(prose):
        slug = base = slugify(heading)
        count = 0
        while slug in anchors:
            count += 1
            slug = f"{base}-{count}"
        anchors.add(slug)
    return anchors | set(NAMED.findall(prose))


def slugify(heading: str) -> str:
    """GitHub's anchor of a heading: lower case, no punctuation, hyphens for spaces."""
    words = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    words = re.sub(r"[`*]|<[^>]+>", "", words)
    return re.sub(r"[^\w\- ]", "", words.strip().lower()).replace(" ", "-")


def explain(page: Path, link: str) -> str:
    """Why a link leads nowhere, empty if it leads somewhere."""
    path, _, anchor = unquote(link).partition("#")
    path = path.partition("?")[0]
    target = ROOT / path.lstrip("/") if path.startswith("/") else page.parent / path if path else page
    if not target.exists():
        return "there is no such file"
    if anchor and target.suffix == ".md" and anchor not in find_anchors(target.read_text(encoding="utf-8")):
        return f"{target.name} has no heading of that name"
    return ""


def _blank_code(text: str) -> str:
    return CODE.sub(_keep_lines, COMMENT.sub(_keep_lines, FENCE.sub(_keep_lines, text)))


def _keep_lines(match: re.Match[str]) -> str:
    return "\n" * match[0].count("\n")


if __name__ == "__main__":
    sys.exit(main())
