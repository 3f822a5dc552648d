"""Checks the hash chain of every project's changes, and says where it was tampered with."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audits.models import Sequence
from audits.services import broken_link


class Command(BaseCommand):
    help = "Verify that no change in the log was altered, removed or inserted."

    def handle(self, *args: Any, **options: Any) -> None:
        projects = Sequence.objects.filter(kind="change").order_by("project_id").values_list("project_id", flat=True)
        links = [link for link in map(broken_link, projects) if link]
        if links:
            where = ", ".join(f"change {link.number} of project {link.project_id}" for link in links)
            raise CommandError(f"The chain is broken at {where}.")
        self.stdout.write(f"The chains of {len(projects)} projects hold.")
