"""Every template compiles, every page and every block renders alone, and the markup keeps the house rules."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, cached_property
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
SAMPLED = sorted({template for template, _, _ in SAMPLES})
PAGES = [template for template in SAMPLED if not template.startswith("emails/")]
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


@dataclass(frozen=True)
class Sample:
    """A template in one of its states, rendered and read once for all rules."""

    state: str
    context: Context
    source: str

    @cached_property
    def markup(self) -> Markup:
        return Markup(self.source)


def rendered(pages: Environment, template: str) -> list[Sample]:
    """A template in each of its states."""
    page = pages.get_template(template)
    return [Sample(state, context, page.render(**context)) for name, state, context in SAMPLES if name == template]


@pytest.fixture(scope="module", params=SAMPLED)
def template(request: pytest.FixtureRequest) -> str:
    """Each template that has samples; all that is asked of one is asked before the next is rendered."""
    return str(request.param)


@pytest.fixture(scope="module")
def states(pages: Environment, template: str) -> list[Sample]:
    """The template in each of its states."""
    return rendered(pages, template)


@pytest.fixture(scope="module", params=PAGES)
def page_states(request: pytest.FixtureRequest, pages: Environment) -> list[Sample]:
    """Each template of a page, in each of its states."""
    return rendered(pages, request.param)


@cache
def words_of(pattern: str, *files: str) -> frozenset[str]:
    """What a pattern finds in static files."""
    return frozenset(re.findall(pattern, "".join((HOME / "static" / file).read_text() for file in files)))


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


def test_every_page_and_block_renders(pages: Environment, template: str, states: list[Sample]) -> None:
    for sample in states:
        assert sample.source.strip(), sample.state
        for block in pages.get_template(template).blocks:
            render_block(pages, template, block, **sample.context)


@pytest.mark.parametrize("block", sorted(CHECKOUT_BLOCKS))
def test_a_checkout_block_renders_whatever_the_state_was(pages: Environment, block: str) -> None:
    for template, _, context in SAMPLES:
        if template == "checkout/show.html":
            assert render_block(pages, template, block, **context).strip()


def test_nothing_is_inline(page_states: list[Sample]) -> None:
    for sample in page_states:
        page = sample.markup
        assert page.inline_code == [], sample.state
        names = {name for _, values in page.tags for name in values}
        handlers = {name for name in names if name == "style" or name.startswith(("on", "hx-on"))}
        assert handlers == set(), sample.state
        assert [value for value in page.attributes("href") if value.startswith("javascript:")] == [], sample.state


def test_pictures_and_fields_are_named(page_states: list[Sample]) -> None:
    for sample in page_states:
        page = sample.markup
        assert [values for tag, values in page.tags if tag == "img" and "alt" not in values] == [], sample.state
        labeled = set(page.attributes("for"))
        for tag, values in page.tags:
            if tag in ("input", "select", "textarea") and values.get("type") != "hidden":
                is_named = values.get("id") in labeled or "aria-label" in values or values in page.wrapped
                assert is_named, (sample.state, values)


def test_ids_are_unique_and_references_resolve(page_states: list[Sample]) -> None:
    for sample in page_states:
        ids = sample.markup.attributes("id")
        assert len(ids) == len(set(ids)), sample.state
        for name in ("aria-describedby", "aria-labelledby", "for", "popovertarget", "data-dialog"):
            for value in sample.markup.attributes(name):
                assert set(value.split()) <= set(ids), (sample.state, name, value)


def test_every_post_form_carries_the_token(page_states: list[Sample]) -> None:
    for sample in page_states:
        for form in re.findall(r"<form[^>]*method=\"post\".*?</form>", sample.source, re.DOTALL):
            assert 'name="csrf_token" value="csrf-token"' in form, sample.state


def test_every_class_is_in_the_sheet(page_states: list[Sample]) -> None:
    known = words_of(r"\.([a-z][\w-]*)", "css/ballast.css", "css/api-docs.css")
    for sample in page_states:
        used = {name for value in sample.markup.attributes("class") for name in value.split()}
        assert used - known == set(), sample.state


def test_every_icon_is_in_the_sprite(page_states: list[Sample]) -> None:
    sprite = words_of(r'<symbol id="([\w-]+)"', "icons.svg")
    for sample in page_states:
        used = {values["href"].partition("#")[2] for tag, values in sample.markup.tags if tag == "use"}
        assert used <= sprite, sample.state


def test_words_are_calm() -> None:
    for path in (HOME / "templates").rglob("*.*"):
        words = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<[^>]*>", " ", path.read_text(), flags=re.DOTALL)
        assert not re.search(r"\bOops\b|[a-z]!", re.sub(r"!important", "", words)), path
