"""Something to play with: a project with features and an experiment, and working keys. Safe to repeat."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from app.tries import tries
from audits.services import SYSTEM
from experiments import services as experiments
from features import services as features
from features.models import Feature, ValueType
from tenants import credentials
from tenants import services as tenants
from tenants.management.commands.bootstrap import environment_at, password_file
from tenants.models import Credential, Environment, Project
from tenants.roles import Kind

DEMO = "demo/demo"
ENVIRONMENTS = ("development", "production")
FEATURES: tuple[tuple[str, str, str, Any, Any, str, int], ...] = (
    # key, name, value type, on, off, status, rollout percent
    ("dark_mode", "Dark mode", ValueType.BOOLEAN, True, False, "on", 100),
    ("beta_banner", "Beta banner", ValueType.BOOLEAN, True, False, "off", 100),
    ("search_ranking", "Search ranking", ValueType.STRING, "semantic", "classic", "on", 30),
    ("upload_limit", "Upload limit in MB", ValueType.NUMBER, 100, 25, "on", 100),
    ("theme", "Theme", ValueType.JSON, {"accent": "teal", "radius": 8}, {}, "on", 100),
)
EXPERIMENT_FEATURE = "new_checkout"
VARIANTS: tuple[tuple[str, bool, dict[str, Any]], ...] = (("control", True, {}), ("treatment", False, {"ui": "v2"}))


class Command(BaseCommand):
    help = "Create the demo project and print its keys and a working curl for each protocol."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the keys as JSON, for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        with transaction.atomic():
            found = demo()
        self.stdout.write(json.dumps(found, indent=2) if options["json"] else instructions(found))


def demo() -> dict[str, Any]:
    """Make what is missing of the demo, and answer its keys: the same ones every time."""
    keys = KeyRing(Path(settings.STATE_DIR) / "demo.json")
    environments = [environment_at(f"{DEMO}/{key}") for key in ENVIRONMENTS]
    project = environments[0].project
    fill(project, environments)
    found: dict[str, Any] = {
        "project": {"id": project.pk, "key": project.key},
        "environments": {environment.key: keys.of(environment) for environment in environments},
        "features": list(Feature.objects.in_project(project.pk).live().values_list("key", flat=True)),
    }
    if settings.OPEN_ENVIRONMENT:
        opened = environment_at(settings.OPEN_ENVIRONMENT, bucketing="feature_hub")
        found["open"] = {"project": {"id": opened.project.pk, "key": opened.project.key}, **keys.of(opened)}
    keys.save()
    return found


def fill(project: Project, environments: Sequence[Environment]) -> None:
    """Features that do something, and an experiment that runs; what is there already is left as people made it."""
    for key, name, value_type, on_value, off_value, status, percent in FEATURES:
        changes = {"status": status, "on_value": on_value, "off_value": off_value, "rollout_percent": percent}
        if feature := new_feature(project, key, name, value_type):
            for environment in environments:
                features.set_state(feature, environment, actor=SYSTEM, **changes)
    if feature := new_feature(project, EXPERIMENT_FEATURE, "New checkout", ValueType.BOOLEAN):
        for environment in environments:
            run_experiment(feature, environment)


def new_feature(project: Project, key: str, name: str, value_type: str) -> Feature | None:
    """A feature of the project; None if it has one with this key."""
    if Feature.objects.in_project(project.pk).filter(key=key).exists():
        return None
    return features.create_feature(project, key=key, name=name, value_type=value_type, tags=["demo"], actor=SYSTEM)


def run_experiment(feature: Feature, environment: Environment) -> None:
    experiment = experiments.create_experiment(
        feature, environment, name="Checkout test", seed="checkout", actor=SYSTEM
    )
    for key, is_control, payload in VARIANTS:
        experiments.create_variant(experiment, key=key, weight=50, is_control=is_control, payload=payload, actor=SYSTEM)
    experiments.start(experiment, actor=SYSTEM)
    features.set_state(feature, environment, actor=SYSTEM, status="experiment", active_experiment=experiment)


class KeyRing:
    """Keys in a local file that only its owner can read; the database has no more than their digests."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.keys: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}

    def of(self, environment: Environment) -> dict[str, Any]:
        """One key of each kind to an environment."""
        found: dict[str, Any] = {kind.value: self.key(environment, kind) for kind in Kind if kind != Kind.SIGNING}
        return found | {"signing": {"name": self.name(environment), "token": self.key(environment, Kind.SIGNING)}}

    def key(self, environment: Environment, kind: Kind) -> str:
        name = f"{self.name(environment)}/{kind.value}"
        key = self.keys.get(name)
        held = Credential.objects.filter(digest=credentials.digest(key)).first() if key else None
        if key is None or (held and (not held.is_active or held.environment_id != environment.pk)):
            key, held = credentials.new_key(credentials.PREFIXES[kind]), None
        if held is None:
            self.retire(environment, kind)
            label = self.name(environment)
            tenants.issue_credential(environment, kind=kind, name=label, actor=SYSTEM, key=key)
        self.keys[name] = key
        return key

    def retire(self, environment: Environment, kind: Kind) -> None:
        """A demo key whose file was lost helps nobody. Its name is free for the new one."""
        label = self.name(environment)
        for number, old in enumerate(environment.credentials.filter(kind=kind, name=label)):
            tenants.update_credential(old, actor=SYSTEM, is_active=False, name=f"{label}-lost-{old.pk}-{number}")

    def name(self, environment: Environment) -> str:
        return f"{environment.project.organisation.key}.{environment.project.key}.{environment.key}"

    def save(self) -> None:
        """Write beside, then rename: a reader sees the old file or the new one."""
        draft = self.path.with_suffix(f".{os.getpid()}")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(self.keys, file, indent=2)
        draft.replace(self.path)


def instructions(found: dict[str, Any]) -> str:
    """What to type next."""
    base = f"http://127.0.0.1:{settings.PORT}"
    development = found["environments"]["development"]
    checkout = Feature.objects.in_project(found["project"]["id"]).get(key=EXPERIMENT_FEATURE)
    lines = [
        "",
        f"Admin       {base}/admin/   user {settings.ADMIN_USERNAME}, {_password()}",
        f"Schema      {base}/docs/ and {base}/swagger/",
        "",
        "Feature Hub, in the demo project:",
        f"  curl -sS -X POST {base}/decisions -H 'Content-Type: application/json' \\",
        f"    -H 'X-Environment-Key: {development['client']}' \\",
        '    -d \'{"request_id":"try-1","feature_key":"new_checkout","user_id":"u-123","context":{}}\'',
        f"  curl -sS '{base}/audits?feature_id={checkout.public_id}' -H 'X-Environment-Key: {development['server']}'",
        f"  curl -sS {base}/features -H 'X-Environment-Key: {development['manage']}'",
    ]
    if "open" in found:
        lines += [
            "",
            "Feature Hub, without a key (this is a local server):",
            f"  curl -sS {base}/health",
            f"  curl -sS -X POST {base}/features -H 'Content-Type: application/json' \\",
            '    -d \'{"key":"new_checkout","name":"New Checkout"}\'',
        ]
    for title, asked in tries(base, development, found["project"]["key"]):
        lines += ["", f"{title}:", *(f"  {line}" for line in asked)]
    return "\n".join([*lines, ""])


def _password() -> str:
    path = password_file()
    return f"password {path.read_text()}" if path.exists() else "password as you set it"
