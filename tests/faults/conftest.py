"""What fault tests share: copies of one furnished database, made once, and a world around each."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from django.core.management import call_command
from pytest_django import DjangoDbBlocker

from tests.faults.databases import Copies, copies
from tests.faults.world import Furniture, World, furnish

_numbers = count(1)


@pytest.fixture(scope="session")
def original(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Copies, Furniture]]:
    """The furnished database, which others copy. The test database is left as it was."""
    from decisions import process  # noqa: PLC0415

    with django_db_blocker.unblock():
        furniture = furnish()
        with copies(tmp_path_factory.mktemp("faults")) as made:
            call_command("flush", verbosity=0, interactive=False, inhibit_post_migrate=True)
            process.stop()
            yield made, furniture


@pytest.fixture
def world(transactional_db: None, original: tuple[Copies, Furniture], tmp_path: Path) -> Iterator[World]:
    """An installation of its own."""
    made, furniture = original
    database = made.new(f"world-{next(_numbers)}")
    try:
        yield World(database, furniture, tmp_path)
    finally:
        database.start()
