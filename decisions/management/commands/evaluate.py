"""What one subject gets from a feature, and why: `manage.py evaluate acme/shop/production checkout --user u-1`."""

import json
from time import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from decisions.engine.conditions.operators import instant
from decisions.engine.explain import explain
from decisions.engine.types import Decision, Subject
from decisions.snapshots import read
from tenants.models import Environment


class Command(BaseCommand):
    help = "Decide a feature for a subject, as the environment is configured now. Nothing is recorded."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("environment", help="organisation/project/environment")
        parser.add_argument("feature")
        parser.add_argument("--user", help="the key that the subject is bucketed by")
        parser.add_argument("--attribute", action="append", default=[], help="name=value; JSON where it parses")
        parser.add_argument("--at", help="the moment at which the subject asks, in ISO 8601; now if not given")
        parser.add_argument("--explain", action="store_true", help="show every step")

    def handle(self, *args: Any, **options: Any) -> None:
        environment = Environment.objects.named(options["environment"]).first()
        snapshot = read(environment.pk) if environment else None
        if snapshot is None:
            raise CommandError(f"There is no environment {options['environment']!r}.")
        attributes = dict(map(_attribute, options["attribute"]))
        explanation = explain(snapshot.features, options["feature"], Subject(options["user"], attributes, _at(options)))
        shown = _shown(explanation.decision) | ({"steps": explanation.steps} if options["explain"] else {})
        self.stdout.write(json.dumps(shown, indent=2, ensure_ascii=False))


def _at(options: dict[str, Any]) -> float:
    if not options["at"]:
        return time()
    moment = instant(options["at"])
    if moment is None:
        raise CommandError(f"--at {options['at']!r} is not a moment in ISO 8601.")
    return moment.timestamp()


def _attribute(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    if not separator:
        raise CommandError(f"--attribute {text!r} must be name=value.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _shown(decision: Decision) -> dict[str, Any]:
    return {
        "feature": decision.feature.key,
        "value": decision.value,
        "enabled": decision.enabled,
        "reason": decision.reason.value,
        "variant": decision.variant.key if decision.variant else None,
        "experiment": decision.experiment.key if decision.experiment else None,
        "rule": decision.rule.key if decision.rule else None,
        "fault": decision.fault.value if decision.fault else None,
    }
