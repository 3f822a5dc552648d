"""An installation that something happens to: its database, its servers, and what its applications ask of it."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import md5
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from time import monotonic, sleep, time
from typing import Any, NamedTuple

import pytest
from django.db import connection

from benchmarks.process import Server, serve
from tenants.management.commands.bootstrap import environment_at
from tenants.roles import Kind
from tests.builders import a_feature, a_key, a_running_experiment
from tests.conftest import OPEN
from tests.faults.databases import Database

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 20.0  # seconds, for a busy machine; what is promised is within
OTHER = "other/other/production"
SIGNER = "signer"
TIMESTAMP = re.compile(rb'"timestamp":\d+')
on_postgres = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no such fault")


class Told(NamedTuple):
    """An answer. Status 0 means that there was none."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Call(NamedTuple):
    """A request."""

    method: str
    target: str
    body: Any = None
    headers: Mapping[str, str] = {}


@dataclass(frozen=True)
class Furniture:
    """What an installation holds: in its open environment `checkout`, which has an experiment, and `banner`, which is
    on; in another project `banner` too. And the keys to both."""

    client: str
    server: str
    signing: str
    elsewhere: str
    environments: Mapping[str, int]


def furnish() -> Furniture:
    """Fill the test database, which is then copied."""
    here, there = environment_at(OPEN, bucketing="feature_hub"), environment_at(OTHER)
    a_running_experiment(here, a_feature(here, key="checkout"))
    for place in (here, there):
        a_feature(place, key="banner", state={"status": "on"})
    return Furniture(
        client=a_key(here),
        server=a_key(here, Kind.SERVER),
        signing=a_key(here, Kind.SIGNING, name=SIGNER),
        elsewhere=a_key(there),
        environments={"here": here.pk, "there": there.pk},
    )


@dataclass
class World:
    """One installation. What it keeps of itself (`state`) is not where its database is."""

    database: Database
    furniture: Furniture
    directory: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        return self.directory / "state"

    def variables(self, **env: str) -> dict[str, str]:
        return {
            "ENV": "local",
            "DJANGO_SETTINGS_MODULE": "app.settings.local",
            "DATABASE_URL": self.database.url,
            "STATE_DIR": str(self.state),
            "SECRET_KEY": "faults-" * 8,
            "LOG_LEVEL": "WARNING",
            "STATEMENT_TIMEOUT": "2",
            **env,
        }

    @contextmanager
    def web(self, *, workers: int = 1, path: str = "/readyz", **env: str) -> Iterator["Place"]:
        """The web process, entered when `path` is answered well."""
        command = [str(ROOT / ".venv/bin/gunicorn"), "app.asgi:application", "-c", "gunicorn.conf.py"]
        log = self.directory / f"web-{len(list(self.directory.glob('web-*')))}.log"
        variables = self.variables(WEB_CONCURRENCY=str(workers), **env)
        try:
            with serve(command, env=variables, cwd=ROOT, log=log, path=path, patience=60) as server:
                yield Place(server, self.furniture)
        finally:
            print(log.read_text()[-6_000:])  # noqa: T201  shown where a test fails

    def lastgood(self) -> list[Path]:
        """The files of what was known last."""
        return sorted(self.state.glob("lastgood/*/*.json"))

    def is_kept(self, name: str = "here") -> bool:
        """Whether an environment can be found there as it is now."""
        environment_id = self.furniture.environments[name]
        [[revision]] = self.database.query("SELECT revision FROM tenants_environment WHERE id = %s", environment_id)
        kept = {path.stem: path.read_bytes() for path in self.lastgood()}
        is_whole = {"index", str(environment_id)} <= kept.keys()
        return is_whole and all(revision.encode() in kept[name] for name in ("index", str(environment_id)))


@dataclass
class Place:
    """A running server, as applications see it."""

    server: Server
    furniture: Furniture

    def ask(self, call: Call, *, timeout: float = 30) -> Told:
        http = HTTPConnection("127.0.0.1", self.server.port, timeout=timeout)
        try:
            body = None if call.body is None else json.dumps(call.body)
            headers = {"Content-Type": "application/json"} if body else {}
            http.request(call.method, call.target, body, {**headers, **call.headers})
            answer = http.getresponse()
            return Told(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        except (OSError, HTTPException) as error:
            return Told(0, {}, repr(error).encode())
        finally:
            http.close()

    def get(self, target: str, **headers: str) -> Told:
        return self.ask(Call("GET", target, None, {name.replace("_", "-"): value for name, value in headers.items()}))

    def evaluations(self) -> list[Call]:
        """One call at least of every protocol that can be answered without the database."""
        mine = self.furniture
        client = {"X-Environment-Key": mine.client}
        moment = str(int(time()))
        signature = md5((mine.signing + SIGNER + moment).encode()).hexdigest()
        about = {"targetingKey": "ann", "key": "ann"}
        project = OPEN.split("/")[1]
        return [
            Call("GET", "/api/v1/flags/", None, client),
            Call("GET", "/api/v1/environment-document/", None, {"X-Environment-Key": mine.server}),
            Call("GET", f"/api/features/{mine.client}"),
            Call("POST", f"/api/eval/{mine.client}", {"attributes": {"id": "ann"}}),
            Call("POST", "/evaluate_feature", {"feature_key": "checkout", "user_attributes": {"id": "ann"}},
                 {"Client-Token": mine.client}),
            Call("POST", "/v1/feature/checkout/eval", {"evaluationContext": about}, {"X-API-Key": mine.client}),
            Call("POST", "/v1/allflags", {"evaluationContext": about}, {"X-API-Key": mine.client}),
            Call("POST", "/v1/flag/configuration", {}, {"X-API-Key": mine.server}),
            Call("POST", "/ofrep/v1/evaluate/flags/checkout", {"context": about}, {"X-API-Key": mine.client}),
            Call("POST", "/ofrep/v1/evaluate/flags", {"context": about}, {"X-API-Key": mine.client}),
            Call("POST", "/abc/get_feature_flags", {"project_id": project, "unit_id": "ann"},
                 {"X-AK": SIGNER, "X-ET": moment, "X-ES": signature}),
        ]  # fmt: skip

    def evaluate_all(self) -> dict[str, tuple[int, bytes]]:
        """What all of them are told, but for the time of day."""
        answers = {call.target: self.ask(call) for call in self.evaluations()}
        return {target: (told.status, TIMESTAMP.sub(b"", told.body)) for target, told in answers.items()}

    def banner(self, *, elsewhere: bool = False) -> bool | None:
        """Whether the banner is on; None if there is no answer."""
        key = self.furniture.elsewhere if elsewhere else self.furniture.client
        told = self.ask(Call("POST", "/ofrep/v1/evaluate/flags/banner", {"context": {"targetingKey": "ann"}},
                             {"X-API-Key": key}))  # fmt: skip
        return bool(told.json.get("value")) if told.status == 200 else None

    def switch(self, status: str) -> Told:
        """Edit the banner (feat-002) as Feature Hub does."""
        return self.ask(Call("PATCH", "/features/feat-002", {"status": status}))

    def decide(self, request_id: str) -> Told:
        """A decision that is stored before it is answered."""
        return self.ask(
            Call("POST", "/decisions", {"request_id": request_id, "feature_key": "checkout", "user_id": "ann"})
        )

    def writes(self) -> list[Told]:
        """An edit, a decision to be stored, and traits to be kept."""
        traits = [{"trait_key": "plan", "trait_value": f"plan of {time()}"}]
        kept = Call("POST", "/api/v1/identities/", {"identifier": "ann", "traits": traits},
                    {"X-Environment-Key": self.furniture.client})  # fmt: skip
        return [self.switch("off"), self.switch("on"), self.decide(f"write-{time()}"), self.ask(kept)]


def eventually(is_so: Callable[[], Any], patience: float = PATIENCE) -> bool:
    """Whether it becomes so before patience ends."""
    deadline = monotonic() + patience
    while not (found := is_so()) and monotonic() < deadline:
        sleep(0.02)
    return bool(found)


def statuses(answers: Mapping[str, tuple[int, bytes]] | Iterable[Told]) -> set[int]:
    told = answers.values() if isinstance(answers, Mapping) else answers
    return {answer[0] for answer in told}


def are_refused(answers: Iterable[Told]) -> bool:
    """Whether all of them say "not now" in words that programs understand."""
    return all(
        told.status == 503 and told.headers.get("retry-after") == "1" and isinstance(told.json, dict)
        for told in answers
    )
