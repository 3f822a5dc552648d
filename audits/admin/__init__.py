"""The log in the admin: read, never touched. What was changed can be reverted, which is another edit."""

from audits.admin import changes, decisions
from audits.admin.base import LogAdmin, PlaceFilter, places

__all__ = ["LogAdmin", "PlaceFilter", "changes", "decisions", "places"]
