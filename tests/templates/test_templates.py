"""Every template compiles, every page and every block renders alone, and the markup keeps the house rules."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment, Template
from jinja2_fragments import render_block

import ballast
from tests.templates.samples import Context, samples

HOME = Path(ballast.__file__).parent
TEMPLATES = sorted(str(path.relative_to(HOME / "templates")) for path in (HOME / "templates").rglob("*.*"))
NAMED = {
    name: set(re.findall(r'"([\w/]+\.(?:html|txt))"', (HOME / "templates" / name).read_text())) & set(TEMPLATES)
    for name in TEMPLATES
}
SAMPLES = list(samples())
NAMES = [f"{template}:{state}" for template, state, _ in SAMPLES]
PAGES = [(template, state, context) for template, state, context in SAMPLES if not template.startswith("emails/")]
PAGE_NAMES = [f"{template}:{state}" for template, state, _ in PAGES]
# Rendered by billing.financing.disclosure alone, and read to the letter by tests/financing.
DOCUMENT = "financing/_document.html"
CHECKOUT_BLOCKS = {"form", "action", "processing", "summary"}


class Markup(HTMLParser):
    """What the rules below need to know of a document."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.inline_code: list[str] = []
        self.wrapped: list[dict[str, str]] = []
        self._open: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.tags.append((tag, values))
        if "label" in self._open:
            self.wrapped.append(values)
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            continue

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in ("script", "style") and data.strip():
            self.inline_code.append(data)

    def attributes(self, name: str) -> list[str]:
        return [values[name] for _, values in self.tags if name in values]


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_compiles(pages: Environment, template: str) -> None:
    pages.get_template(template)


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_says_what_it_is_given(template: str) -> None:
    assert (HOME / "templates" / template).read_text().startswith("{#")


def test_every_page_has_a_sample() -> None:
    sampled = {template for template, _, _ in SAMPLES}
    parts = {name for name in TEMPLATES if Path(name).name.startswith("_") or "layout" in name or name == "ui.html"}
    assert sampled | parts == set(TEMPLATES)


def named_in(template: str) -> set[str]:
    """The templates that one names, and those that these name."""
    found = {template}
    while more := {name for one in found for name in NAMED[one]} - found:
        found |= more
    return found


def test_every_part_is_rendered_in_some_sample(pages: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {name for name in TEMPLATES if Path(name).name.startswith("_") or "layout" in name} - {DOCUMENT}
    find = pages.get_template

    def spy(name: str, *args: Any, **options: Any) -> Template:
        wanted.discard(name)
        return find(name, *args, **options)

    monkeypatch.setattr(pages, "get_template", spy)
    for template, _state, context in SAMPLES:
        if wanted & named_in(template):
            pages.get_template(template).render(**context)
    assert wanted == set()


@pytest.mark.parametrize(("template", "state", "context"), SAMPLES, ids=NAMES)
def test_every_page_and_block_renders(pages: Environment, template: str, state: str, context: Context) -> None:
    assert pages.get_template(template).render(**context).strip()
    for block in pages.get_template(template).blocks:
        render_block(pages, template, block, **context)


@pytest.mark.parametrize("block", sorted(CHECKOUT_BLOCKS))
def test_a_checkout_block_renders_whatever_the_state_was(pages: Environment, block: str) -> None:
    for template, _, context in SAMPLES:
        if template == "checkout/show.html":
            assert render_block(pages, template, block, **context).strip()


@pytest.mark.parametrize(("template", "state", "context"), PAGES, ids=PAGE_NAMES)
def test_nothing_is_inline(pages: Environment, template: str, state: str, context: Context) -> None:
    page = Markup(pages.get_template(template).render(**context))
    assert page.inline_code == []
    names = {name for _, values in page.tags for name in values}
    assert {name for name in names if name == "style" or name.startswith(("on", "hx-on"))} == set()
    assert [value for value in page.attributes("href") if value.startswith("javascript:")] == []


@pytest.mark.parametrize(("template", "state", "context"), PAGES, ids=PAGE_NAMES)
def test_pictures_and_fields_are_named(pages: Environment, template: str, state: str, context: Context) -> None:
    page = Markup(pages.get_template(template).render(**context))
    assert [values for tag, values in page.tags if tag == "img" and "alt" not in values] == []
    labeled = set(page.attributes("for"))
    for tag, values in page.tags:
        if tag in ("input", "select", "textarea") and values.get("type") != "hidden":
            assert values.get("id") in labeled or "aria-label" in values or values in page.wrapped, values


@pytest.mark.parametrize(("template", "state", "context"), PAGES, ids=PAGE_NAMES)
def test_ids_are_unique_and_references_resolve(pages: Environment, template: str, state: str, context: Context) -> None:
    page = Markup(pages.get_template(template).render(**context))
    ids = page.attributes("id")
    assert len(ids) == len(set(ids))
    for name in ("aria-describedby", "aria-labelledby", "for", "popovertarget", "data-dialog"):
        for value in page.attributes(name):
            assert set(value.split()) <= set(ids), (name, value)


@pytest.mark.parametrize(("template", "state", "context"), PAGES, ids=PAGE_NAMES)
def test_every_post_form_carries_the_token(pages: Environment, template: str, state: str, context: Context) -> None:
    source = pages.get_template(template).render(**context)
    for form in re.findall(r"<form[^>]*method=\"post\".*?</form>", source, re.DOTALL):
        assert 'name="csrf_token" value="csrf-token"' in form


@pytest.mark.parametrize(("template", "state", "context"), PAGES, ids=PAGE_NAMES)
def test_every_class_is_in_the_sheet(pages: Environment, template: str, state: str, context: Context) -> None:
    sheet = (HOME / "static/css/ballast.css").read_text() + (HOME / "static/css/api-docs.css").read_text()
    known = set(re.findall(r"\.([a-z][\w-]*)", sheet))
    page = Markup(pages.get_template(template).render(**context))
    assert {name for value in page.attributes("class") for name in value.split()} - known == set()


@pytest.mark.parametrize(("template", "state", "context"), PAGES, ids=PAGE_NAMES)
def test_every_icon_is_in_the_sprite(pages: Environment, template: str, state: str, context: Context) -> None:
    sprite = set(re.findall(r'<symbol id="([\w-]+)"', (HOME / "static/icons.svg").read_text()))
    page = Markup(pages.get_template(template).render(**context))
    assert {values["href"].partition("#")[2] for tag, values in page.tags if tag == "use"} <= sprite


def test_words_are_calm() -> None:
    for path in (HOME / "templates").rglob("*.*"):
        words = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<[^>]*>", " ", path.read_text(), flags=re.DOTALL)
        assert not re.search(r"\bOops\b|[a-z]!", re.sub(r"!important", "", words)), path
