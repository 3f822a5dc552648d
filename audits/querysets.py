"""Words for reading the log. Tenant isolation of audits is written here, once."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar

from django.conf import settings
from django.db import models
from django.utils.module_loading import import_string

from audits.partitions import is_partitioned

if TYPE_CHECKING:
    from audits.models import Change, Decision  # noqa: F401


Row = TypeVar("Row", bound=models.Model)


class LogQuerySet(models.QuerySet[Row]):
    """Rows that can be read and added, never changed."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise TypeError("log entries cannot be changed")

    def delete(self) -> NoReturn:
        raise TypeError("log entries cannot be deleted")

    def visible_to(self, user: Any) -> Self:
        """What a person may read, by the condition that `settings.AUDIT_SCOPE` makes. The log itself knows nobody."""
        return self.filter(import_string(settings.AUDIT_SCOPE)(user))

    def newest_first(self) -> Self:
        return self.order_by("-id")


class DecisionQuerySet(LogQuerySet["Decision"]):
    """Decisions of one environment."""

    def in_environment(self, environment_id: int) -> Self:
        return self.filter(environment_id=environment_id)

    def under_requests(self, environment_id: int, request_ids: Collection[str]) -> Self:
        """What these requests got. On PostgreSQL their ids are looked up at once, in the table that keeps them: its
        answer names the partitions, too."""
        if not is_partitioned():
            return self.filter(environment_id=environment_id, request_id__in=request_ids)
        from audits.models import Request  # noqa: PLC0415  the models import this module

        taken = Request.objects.filter(environment_id=environment_id, request_id__in=request_ids)
        found = dict(taken.values_list("decision_id", "decided_at"))
        return self.filter(pk__in=found, decided_at__in=set(found.values()))

    def newest_first(self) -> Self:
        """By time, ties broken by id, so that pages never repeat or skip a row."""
        return self.order_by("-decided_at", "-id")


class ChangeQuerySet(LogQuerySet["Change"]):
    """Changes of one project, in the order of the chain."""

    def in_project(self, project_id: int) -> Self:
        return self.filter(project_id=project_id)

    def in_chain_order(self) -> Self:
        return self.order_by("number")
