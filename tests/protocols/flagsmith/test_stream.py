"""The stream says when; that it reaches clients is shown with the real one."""

import json
from datetime import UTC, datetime, timedelta
from math import inf

from audits.services import SYSTEM
from decisions.protocols.flagsmith.moments import phases
from decisions.protocols.flagsmith.stream import until, updated
from decisions.snapshots import read
from features.services import set_state
from tenants.models import Environment
from tests.builders import a_feature, a_key
from tests.protocols.flagsmith.asks import switch
from tests.protocols.wire import Client, through_wsgi


def test_it_tells_the_time_of_the_document(environment: Environment, server: Client) -> None:
    feature = a_feature(environment)
    before = read(environment.pk)
    switch(feature, environment, status="on")
    snapshot = read(environment.pk)
    assert before
    assert snapshot
    grant = next(iter(snapshot.grants.values()))

    told = updated(snapshot, before, grant).decode()

    event, data, *rest = told.split("\n")
    assert (event, rest) == ("event: environment_updated", ["", ""])
    time = json.loads(data.removeprefix("data: "))["updated_at"]
    headers = server.get("/api/v1/environment-document/").headers
    assert time == float(headers["x-flagsmith-document-updated-at"]) > before.changed_at.timestamp()


def test_it_tells_when_a_schedule_has_changed_something(environment: Environment) -> None:
    feature, start = a_feature(environment), datetime.now(UTC).replace(microsecond=0)
    steps = [{"at": (start + timedelta(hours=hours)).isoformat(), "status": "on"} for hours in (-1, 1)]
    set_state(feature, environment, steps=steps, actor=SYSTEM)
    snapshot = read(environment.pk)
    assert snapshot
    grant = next(iter(snapshot.grants.values()))

    assert until(snapshot, grant) == (start + timedelta(hours=1)).timestamp()
    assert phases(snapshot).end(start.timestamp() + 3600) == inf


def test_nobody_listens_without_a_key(environment: Environment) -> None:
    api = Client(through_wsgi)

    answer = api.get("/sse/environments/nobody/stream")

    assert (answer.status, answer.json) == (403, {"detail": "Invalid or missing Environment Key"})


def test_where_nothing_can_stay_open_it_says_so(environment: Environment) -> None:
    for key in (environment.public_id, a_key(environment)):
        assert Client(through_wsgi).get(f"/sse/environments/{key}/stream").status == 503
