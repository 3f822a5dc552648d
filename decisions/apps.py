"""Registers this app with Django, and rings the bell after every edit that this process commits."""

from django.apps import AppConfig


class DecisionsConfig(AppConfig):
    name = "decisions"
    verbose_name = "Decisions"

    def ready(self) -> None:
        from decisions.bell import bell  # noqa: PLC0415  the app registry is ready only now
        from tenants import services  # noqa: PLC0415

        services.advanced.append(lambda: bell().ring())
