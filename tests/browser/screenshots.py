"""The pictures in docs/screenshots/: `make screenshots` makes them anew, from a shop on a server of its own."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from benchmarks.process import serve
from tests.browsers import chromium

if TYPE_CHECKING:
    from tests.browser.demonstration import Shop

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs/screenshots"
VIEWS: dict[str, tuple[int, Any]] = {"light": (1280, "light"), "dark": (1280, "dark"), "narrow": (390, "light")}
"""Each view's width in pixels, and its colours."""
COLOURS = 256
OPENED = {"playground": "#feature-express_delivery summary"}
"""What is clicked before a picture is taken."""
ONLY_LIGHT = {"promotion", "credentials", "changes", "decisions"}
ALSO_NARROW = {"home", "feature", "segment", "playground"}


def main(wanted: list[str]) -> None:
    """Take every picture, or those of the pages that are named."""
    with TemporaryDirectory(prefix="switchyard-screenshots-") as folder:
        os.environ |= {
            "ENV": "local",
            "DJANGO_SETTINGS_MODULE": "app.settings.local",
            "STATE_DIR": folder,
            "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
            "OPEN_ENVIRONMENT": "",
            "WEB_CONCURRENCY": "1",
        }
        shop = furnished()
        with serving(Path(folder)) as site, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
            for view in VIEWS:
                take(browser, site, shop, view, wanted)
            browser.close()


def furnished() -> "Shop":
    """The shop, in a database of its own."""
    import django  # noqa: PLC0415  the environment is to be set first

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    from tests.browser.demonstration import the_shop  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    return the_shop()


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """A server over the same database; gives its address."""
    command = [str(ROOT / ".venv/bin/gunicorn"), "app.asgi:application", "-c", "gunicorn.conf.py"]
    with serve(command, env={"LOG_LEVEL": "WARNING"}, cwd=ROOT, log=folder / "server.log") as server:
        yield f"http://127.0.0.1:{server.port}"


def pages(shop: "Shop") -> dict[str, str]:
    """Each picture's name, and the address of the page that it shows."""
    staging, production = shop.environments["staging"].pk, shop.environments["production"].pk
    asked = {"environment": production, "user": "user-1001"}
    asked["attributes"] = '{"country": "DE", "plan": "pro", "app": {"version": "2.5.0"}}'
    return {
        "home": f"/admin/?project={shop.project.pk}&environment={production}",
        "features": "/admin/features/feature/",
        "feature": f"/admin/features/feature/{shop.features['express_delivery'].pk}/change/?environment=production",
        "segment": f"/admin/features/segment/{shop.segment.pk}/change/",
        "experiment": f"/admin/experiments/experiment/{shop.experiment.pk}/change/",
        "playground": f"/admin/playground/?{urlencode(asked)}",
        "promotion": f"/admin/promotion/?from={staging}&to={production}",
        "credentials": "/admin/tenants/credential/",
        "changes": "/admin/audits/change/",
        "decisions": "/admin/audits/decision/",
    }


def take(browser: Browser, site: str, shop: "Shop", view: str, wanted: list[str]) -> None:
    """Log in by the form, then look at the pages."""
    width, scheme = VIEWS[view]
    context = browser.new_context(
        base_url=site, viewport={"width": width, "height": 800}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.on("console", complain)
    log_in(page, shop)
    FOLDER.mkdir(exist_ok=True)
    for name, address in pages(shop).items():
        is_shown = view == "light" or name in ALSO_NARROW or (view == "dark" and name not in ONLY_LIGHT)
        if is_shown and (not wanted or name in wanted):
            page.goto(address, wait_until="networkidle")
            if name in OPENED:
                page.locator(OPENED[name]).click()
            page.screenshot(path=FOLDER / f"{name}-{view}.png")
            shrink(FOLDER / f"{name}-{view}.png")
    context.close()


def shrink(picture: Path) -> None:
    """To a third: so many colours are enough for a page."""
    with Image.open(picture) as image:
        few = image.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        few.save(picture, optimize=True)


def log_in(page: Page, shop: "Shop") -> None:
    from tests.browser.demonstration import PASSWORD  # noqa: PLC0415  it needs Django

    page.goto("/admin/login/")
    page.get_by_label("Username").fill(shop.person.username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/admin/")


def complain(said: ConsoleMessage) -> None:
    """A page that is shown to the world has nothing to complain about."""
    if said.type == "error":
        sys.exit(f"{said.location.get('url')}: {said.text}")


if __name__ == "__main__":
    main(sys.argv[1:])
