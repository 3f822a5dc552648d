"""Real pages in a real browser: headless Chromium against a running server over the test's own database.

A test takes `page` (Playwright's sync API), makes its data by the builders, and clicks:

    def test_a_flag_is_switched(page: Page, login: Login) -> None:
        environment = an_environment()
        login(page, a_member(environment, Role.EDITOR))

        page.goto("/admin/features/feature/")
        page.get_by_role("link", name="checkout").click()

        expect(page.get_by_text("On")).to_be_visible()

* `page`      a page with nobody logged in; addresses begin at the server, "/admin/".
* `new_page`  more of them, each a browser of its own: `new_page(width=390, dark=True)`.
* `login`     makes somebody the user of a page, without the form.
* `site`      the server's address, for calls by httpx. One server a module: boot it once, so write few, long flows.
* `forgive`   `forgive("409")`: complaints that contain this are part of the test.

Every page is watched: an error in its console, an uncaught exception, a violation of the Content-Security-Policy or an
answer 5xx fails the test when it ends. `settle(page)` waits until nothing is loading. `fits(page)` asserts that the
page does not scroll sideways. Each test begins with an empty database (real commits, so `transactional_db`).
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, expect, sync_playwright

from benchmarks.process import serve
from tests.browsers import chromium
from tests.conftest import ROOT, database_url

Login = Callable[[Page, Any], None]
NewPage = Callable[..., Page]
Forgive = Callable[[str], None]
PATIENCE = 15_000  # milliseconds that a click, or what is expected, waits on a busy machine
expect.set_options(timeout=PATIENCE)
BACKEND = "django.contrib.auth.backends.ModelBackend"
TELL = """document.addEventListener("securitypolicyviolation", (event) => console.error(
    `Content-Security-Policy: ${event.effectiveDirective} forbids ${event.blockedURI} ${event.sample}`))"""


@pytest.fixture(scope="module")
def site(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server for the tests of one module, as in production but for its settings. What it wrote last is emptied."""
    command = [str(ROOT / ".venv/bin/gunicorn"), "app.asgi:application", "-c", "gunicorn.conf.py"]
    variables = {
        "ENV": "local",
        "DJANGO_SETTINGS_MODULE": "app.settings.local",
        "DATABASE_URL": database_url(),
        "STATE_DIR": str(settings.STATE_DIR),
        "SECRET_KEY": settings.SECRET_KEY,  # so that a session made here is one there
        "OPEN_ENVIRONMENT": "",
        "WEB_CONCURRENCY": "1",
        "LOG_LEVEL": "WARNING",
    }
    log = tmp_path_factory.mktemp("server") / "server.log"
    with serve(command, env=variables, cwd=ROOT, log=log) as server:
        yield f"http://127.0.0.1:{server.port}"
    print(log.read_text(errors="replace"))  # noqa: T201  pytest shows it where a test failed
    with django_db_blocker.unblock():
        call_command("flush", verbosity=0, interactive=False, inhibit_post_migrate=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for the tests of one module. Django takes Playwright's own event loop for ours, and need not."""
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    with sync_playwright() as playwright:
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
        running = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield running
        running.close()
    os.environ.pop("DJANGO_ALLOW_ASYNC_UNSAFE")
    if before is not None:
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = before


@pytest.fixture
def complaints() -> list[str]:
    """What the pages of this test complained about so far."""
    return []


@pytest.fixture
def forgiven() -> list[str]:
    return []


@pytest.fixture
def forgive(forgiven: list[str]) -> Forgive:
    """Complaints that contain a text are expected by this test."""
    return forgiven.append


@pytest.fixture
def new_page(
    transactional_db: None, site: str, browser: Browser, complaints: list[str], forgiven: list[str]
) -> Iterator[NewPage]:
    """Pages, each with cookies of its own; at the end of the test none of them may have complained."""
    contexts = []

    def open_page(*, width: int = 1280, height: int = 900, dark: bool = False) -> Page:
        context = browser.new_context(
            base_url=site,
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        watch(page, complaints)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not [text for text in complaints if not any(word in text for word in forgiven)]


@pytest.fixture
def page(new_page: NewPage) -> Page:
    """A page 1280 px wide, nobody logged in."""
    return new_page()


@pytest.fixture
def login(site: str) -> Login:
    """Give a page the session that logging in would give."""

    def log_in(page: Page, user: Any) -> None:
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = BACKEND
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()
        cookie = {"name": settings.SESSION_COOKIE_NAME, "value": str(session.session_key), "url": site}
        page.context.add_cookies([cookie])  # type: ignore[list-item]

    return log_in


def watch(page: Page, complaints: list[str]) -> None:
    """Note whatever a page complains about."""

    def hear(said: ConsoleMessage) -> None:
        if said.type == "error":
            complaints.append(f"console on {page.url}: {said.text}")

    def read(answer: Response) -> None:
        if answer.status >= 500:
            complaints.append(f"{answer.status} {answer.url}")

    page.add_init_script(TELL)
    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(f"exception on {page.url}: {error}"))
    page.on("response", read)


def settle(page: Page) -> None:
    """Wait until nothing is loading."""
    page.wait_for_load_state("networkidle")


def fits(page: Page) -> None:
    """The page does not scroll sideways."""
    assert overflow(page) == 0, f"{page.url} is {overflow(page)} px wider than the window"


def overflow(page: Page) -> int:
    """By how many pixels a page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
