"""Layers over the management API: who holds which slots, and who is told."""

import pytest

from audits.services import SYSTEM
from experiments import services
from experiments.models import Layer
from tenants.models import Environment
from tenants.roles import Role
from tenants.services import set_role
from tests.builders import a_layer, a_project, a_user, an_environment, an_experiment
from tests.tenants.api import Caller, ids, somebody

pytestmark = pytest.mark.django_db


@pytest.fixture
def environment() -> Environment:
    return an_environment()


@pytest.fixture
def editor(environment: Environment) -> Caller:
    return somebody(environment, Role.EDITOR)


def test_a_layer_is_created_renamed_and_removed(environment: Environment, editor: Caller) -> None:
    made = editor.post("layers/", {"project": environment.project_id, "key": "pages", "name": "Pages"})
    path = f"layers/{made.json()['id']}/"

    assert (made.status_code, made.json()["ranges"]) == (201, [])
    assert made["ETag"] == editor.get(path)["ETag"]
    assert ids(editor.get("layers/", {"project": str(environment.project_id), "key": "pages"})) == [made.json()["id"]]
    assert editor.put(path, {"name": "Sites"}).status_code == 428
    assert editor.put(path, {"name": "Sites"}, headers={"if-match": made["ETag"]}).json()["name"] == "Sites"
    assert editor.patch(path, {"name": "Pages"}, headers={"if-match": made["ETag"]}).status_code == 412
    assert editor.patch(path, {"seed": "x"}).json() == {"seed": ["cannot be changed"]}
    assert editor.delete(path).status_code == 204
    assert not Layer.objects.exists()


def test_a_layer_shows_who_holds_it_and_stays_while_somebody_does(environment: Environment, editor: Caller) -> None:
    layer, experiment = a_layer(environment.project), an_experiment(environment)
    path = f"layers/{layer.pk}/"
    here = {"environment": environment.pk}

    services.hold_slots(experiment, layer, slots=100, actor=SYSTEM)
    answer = editor.post(path + "holdout/", here | {"slots": 50})

    assert answer.status_code == 200, answer.content
    assert answer.json()["ranges"] == [
        here | {"experiment": experiment.pk, "start": 0, "end": 100},
        here | {"experiment": None, "start": 100, "end": 150},
    ]
    assert editor.delete(path).status_code == 409
    assert "holdout" in editor.delete(path).json()["detail"]


def test_a_layer_shows_the_slots_of_ones_own_environments_only(environment: Environment) -> None:
    layer, other = a_layer(environment.project), an_environment(environment.project)
    for place in (environment, other):
        services.set_holdout(layer, place, slots=10, actor=SYSTEM)
    project, user = environment.project, a_user()
    set_role(user, project.organisation, project=project, environment=environment, role=Role.EDITOR, actor=SYSTEM)
    caller = Caller(user)

    shown = caller.get(f"layers/{layer.pk}/").json()["ranges"]

    assert [row["environment"] for row in shown] == [environment.pk]
    assert caller.post(f"layers/{layer.pk}/holdout/", {"environment": environment.pk, "slots": 5}).status_code == 200
    assert caller.post(f"layers/{layer.pk}/holdout/", {"environment": other.pk, "slots": 5}).status_code == 404
    assert caller.patch(f"layers/{layer.pk}/", {"name": "Mine"}).status_code == 403


def test_a_holdout_is_for_environments_of_the_layers_project(environment: Environment) -> None:
    other = an_environment(a_project(environment.project.organisation))
    layer = a_layer(environment.project)

    answer = somebody(environment).post(f"layers/{layer.pk}/holdout/", {"environment": other.pk, "slots": 1})

    assert (answer.status_code, list(answer.json())) == (400, ["environment"])
