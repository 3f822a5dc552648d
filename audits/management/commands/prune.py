"""Forgets old decisions, and makes the partitions of the weeks to come. For a timer: once a day is often enough."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from audits.partitions import create_ahead, is_partitioned
from audits.retention import Pruned, prune

DAYS_MAX = 36_500


class Command(BaseCommand):
    help = (
        "Forget decisions that are older than a number of days; without one, nothing is forgotten. "
        "Changes are never forgotten: their chain would break."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--keep-days", type=int, help="forget decisions that are older")
        parser.add_argument(
            "--keep-request-days",
            type=int,
            help="forget sooner that a request id is taken (PostgreSQL); at most --keep-days, which is the default",
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would be forgotten, and forget nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        days, request_days, is_rehearsal = options["keep_days"], options["keep_request_days"], options["dry_run"]
        if complaint := _complaint(days, request_days):
            raise CommandError(complaint)
        for name in [] if is_rehearsal else create_ahead():
            self.stdout.write(f"Made {name}.")
        if days is not None:
            now = timezone.now()
            sooner = None if request_days is None else now - timedelta(days=request_days)
            pruned = prune(now - timedelta(days=days), requests_before=sooner, is_rehearsal=is_rehearsal)
            self.stdout.write(_told(pruned, is_rehearsal=is_rehearsal))


def _complaint(days: int | None, request_days: int | None) -> str | None:
    for number in (days, request_days):
        if number is not None and not 0 < number <= DAYS_MAX:
            return f"A number of days is from 1 to {DAYS_MAX}, not {number}."
    if request_days is None:
        return None
    if days is None or request_days > days:
        return "Request ids are kept with their decisions, not longer: give --keep-days that is at least as large."
    return None if is_partitioned() else "SQLite keeps a request id with its decision; leave --keep-request-days out."


def _told(pruned: Pruned, *, is_rehearsal: bool) -> str:
    verb = "Would forget" if is_rehearsal else "Forgot"
    about = "about " if pruned.partitions else ""
    tables = f"; tables: {', '.join(pruned.partitions)}" if pruned.partitions else ""
    ids = f" and {pruned.requests} request ids" if is_partitioned() else ""
    return f"{verb} {about}{pruned.decisions} decisions{ids} from before {pruned.before:%Y-%m-%d %H:%M} UTC{tables}."
