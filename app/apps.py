"""Makes the assembly an app, so that its checks, its templates and its admin are found."""

from django.apps import AppConfig


class SwitchyardConfig(AppConfig):
    name = "app"
    verbose_name = "Switchyard"

    def ready(self) -> None:
        from app import checks, logs, schema  # noqa: F401, PLC0415 these register themselves once Django is up

        logs.install()
