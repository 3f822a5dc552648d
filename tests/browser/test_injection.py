"""No text of anybody becomes part of a page: not a tag, not an attribute, not a script; nor does it break the page."""

import re
from collections import Counter, deque
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from django.test import Client
from playwright.sync_api import Page

from tests.browser.conftest import Login, overflow
from tests.browser.hostile import BACKWARDS, LONG, XSS, everything, poison
from tests.builders import a_user

LITTLE = {"", "o", "p", "e", "_facets", "_changelist_filters", "_popup", "_to_field"} | {
    f"is_{word}__exact" for word in ("active", "staff", "superuser")
}
"""Questions that hardly change a page."""
LEFT_ALONE = re.compile(r"/logout/|/jsi18n/|/password")
READ_BY_SCRIPTS = re.compile(r"^(x-|@|:|on|hx-|style$|srcdoc$)")
LEADS = {"href", "src", "action", "formaction"}
VOID = {"script", "style", "iframe", "object", "embed", "base"}


class Reader(HTMLParser):
    """What a page is made of: where it leads, and whatever the text brought into being."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[str] = []
        self.found: list[str] = []
        self.is_in_script = False
        self.has_shown = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        is_told = tag == "script" and given.get("type") in {"application/json", "importmap"}
        self.is_in_script = tag == "script" and not is_told
        if self.is_in_script and "src" not in given:
            self.found.append(f"<script> without src {given}")
        if tag in VOID - {"script"} or given.get("src") == "x":
            self.found.append(f"<{tag} {given}>")
        for name, value in given.items():
            self.attribute(tag, name, value)
        if tag == "a" and "href" in given:
            self.links.append(given["href"])

    def attribute(self, tag: str, name: str, value: str) -> None:
        if name.startswith("on") or (READ_BY_SCRIPTS.match(name) and "xss" in value):
            self.found.append(f"<{tag} {name}={value!r}>")
        if name in {"href", "src", "action", "formaction"} and value.strip().lower().startswith(
            ("javascript:", "data:text")
        ):
            self.found.append(f"<{tag} {name}={value!r}>")
        self.has_shown |= "xss(" in value

    def handle_data(self, data: str) -> None:
        self.has_shown |= "xss(" in data
        if self.is_in_script and "xss" in data:
            self.found.append(f"script: {data[:100]!r}")


def crawl(client: Client, *, of_each: int) -> dict[str, Reader]:
    """The pages of the admin that links lead to: so many of each kind, such as all pages of a feature."""
    waiting, seen, read = deque(["/admin/"]), Counter[str](), dict[str, Reader]()
    while waiting:
        address = waiting.popleft()
        answer = client.get(address, follow=True)
        assert answer.status_code == 200, (answer.status_code, address)
        if "text/html" not in answer.headers.get("Content-Type", ""):
            continue
        reader = read[address] = Reader()
        reader.feed(answer.content.decode())
        for link in dict.fromkeys(urljoin(address, link) for link in reader.links):
            if link.startswith("/admin/") and not LEFT_ALONE.search(link) and link not in waiting and link not in read:
                seen[kind(link)] += 1
                if seen[kind(link)] <= of_each:
                    waiting.append(link)
    return read


def kind(address: str) -> str:
    """What pages have in common that show the same kind of thing: the path without numbers, and what is asked."""
    parts = urlsplit(address)
    asked = {part.partition("=")[0] for part in parts.query.split("&")} - LITTLE
    return re.sub(r"\d+", "1", parts.path) + "?" + "&".join(sorted(asked))


@pytest.fixture
def somebody(transactional_db: None) -> Any:
    """Who looks at it all."""
    return a_user(superuser=True, username="looking")


def test_no_text_becomes_part_of_a_page(client: Client, somebody: Any) -> None:
    everything()
    written = poison(XSS)
    client.force_login(somebody)

    pages = crawl(client, of_each=3)

    assert {address: page.found for address, page in pages.items() if page.found} == {}
    assert len(written) > 60, "most fields take text"
    assert sum(page.has_shown for page in pages.values()) > 60, "the text was hardly shown"


def test_no_text_runs_in_a_browser_and_none_is_too_long_for_it(
    page: Page, login: Login, client: Client, somebody: Any
) -> None:
    everything()
    poison(XSS + BACKWARDS + LONG)
    client.force_login(somebody)
    page.add_init_script("window.xss = (number) => console.error(`xss ${number} ran`)")
    login(page, somebody)

    too_wide = []
    for address in crawl(client, of_each=1):
        page.goto(address)
        assert page.locator("img[src=x]").count() == 0, address
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 900})
            too_wide += [(address, width, by)] if (by := overflow(page)) else []

    assert too_wide == []
