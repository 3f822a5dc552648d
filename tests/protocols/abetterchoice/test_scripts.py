"""The calls of the vendor's shell scripts: curl, md5sum and the headers as the scripts write them."""

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import Settings

from audits.services import SYSTEM
from benchmarks.process import Server
from experiments.services import hold_slots
from tenants.models import Environment
from tenants.roles import Kind
from tests.builders import a_feature, a_key, a_layer, an_environment
from tests.protocols.abetterchoice.test_calls import a_split

SIGNATURES = [
    'signature=$(echo -n "${token}${ak}${et}" | md5sum)',
    'md5() { md5sum | cut -d" " -f1; }; signature=$(echo -n "${token}${ak}${et}" | md5)',
]
CALL = """
ak="$NAME"
token="$TOKEN"
et=$(date +%s)
{signature}
curl --silent --show-error --location --request POST "$BASE_URL/abc/{call}" \\
-H "Content-Type: application/json" \\
-H "X-Ak: $ak" \\
-H "X-Et: $et" \\
-H "X-Es: $signature" \\
{option} '{body}'
"""


@pytest.fixture
def environment(transactional_db: None) -> Environment:
    environment = an_environment()
    layer = a_layer(environment.project, key="landing-page")
    a_layer(environment.project, key="prices")
    hold_slots(a_split(environment, "buttons", "button"), layer, slots=10_000, actor=SYSTEM)
    a_feature(environment, key="colour", value_type="string", state={"status": "on", "on_value": "red"})
    return environment


def test_the_scripts_are_answered(
    environment: Environment, start_server: Callable[..., Server], settings: Settings
) -> None:
    name = "your secret key: name"
    server = start_server(workers=1, SECRET_KEY=settings.SECRET_KEY)  # which opens the token
    variables = {
        "NAME": name,
        "TOKEN": a_key(environment, Kind.SIGNING, name=name),
        "BASE_URL": f"http://127.0.0.1:{server.port}",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
    }

    def run(call: str, option: str = "-d", signature: str = SIGNATURES[0], **fields: Any) -> Any:
        body = json.dumps({"project_id": str(environment.project_id), "unit_id": "user_id_1", **fields}, indent=1)
        script = CALL.format(call=call, option=option, signature=signature, body=body)
        done = subprocess.run(["sh", "-c", script], env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    ages = {"age": {"user_attrs": ["18", "19"]}}
    for signature in SIGNATURES:
        told = run("get_experiments", signature=signature)
        assert (told["ret_code"], told["msg"]) == (100, "")
        assert told["exp_data"]["landing-page"]["experiment_key"] == "buttons"
        assert told["exp_data"]["prices"]["group_id"] == -1

    options = {"layer_keys": ["landing-page"], "experiment_keys": []}
    assert run("get_experiments", filter_options=options, profiles=ages)["exp_data"].keys() == {"landing-page"}
    told = run("get_feature_flags", "--data-raw", feature_names=["colour", "TEST"], profiles=ages)
    assert told["data"] == {"colour": {"name": "colour", "value": "red", "relative_experiment": None}}
    assert (told["ret_code"], told["msg"]) == (100, "NOT FOUND: TEST")
    assert run("get_feature_flags", "--data-raw", signature="signature=0", feature_names=[])["ret_code"] == 101
