"""Whatever is sent to the routes that the OpenAPI document names: no mistake of the service comes back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error

from acquire.service.app import application
from acquire.service.settings import Settings
from acquire.service.tokens import Role, Tokens
from tests.conftest import CONFIGS

#: What starts a run by itself, and the stream that never ends.
LEFT_OUT = ["/api/v1/health-check", "/api/v1/calibrate", "/api/v1/events"]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[schemathesis.Schema]:
    folder = tmp_path_factory.mktemp("openapi")
    shutil.copytree(CONFIGS, folder / "configs")
    (folder / "runs").mkdir()
    token = Tokens(folder / "data").begin()[Role.OPERATOR]
    app = application(Settings(folder / "data", folder / "runs", folder / "configs"))
    app.state.token = token
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("acquire.service.access.Rate.allows", lambda self, who: True)
        yield schemathesis.openapi.from_asgi("/api/v1/openapi.json", app, headers={"host": "127.0.0.1:8400"}).exclude(
            path=LEFT_OUT
        )


def test_no_request_meets_a_mistake_of_the_service(everything: schemathesis.Schema) -> None:
    operations = [one.ok() for one in everything.get_all_operations()]
    headers = {"authorization": f"Bearer {everything.app.state.token}", "host": "127.0.0.1:8400"}
    for operation in operations:

        @given(case=operation.as_strategy())
        @settings(
            max_examples=3,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def sent(case: schemathesis.Case) -> None:
            answer = case.call(headers=headers)
            case.validate_response(answer, checks=[not_a_server_error])
            if answer.status_code >= 400:
                assert answer.json()["error"]["message"]

        sent()
    assert len(operations) > 25


def test_every_route_is_typed(everything: schemathesis.Schema) -> None:
    document = everything.raw_schema
    for path, routes in document["paths"].items():
        for method, route in routes.items():
            good = [answer for code, answer in route["responses"].items() if code.startswith("2")]
            assert good, (method, path)
            assert all("content" in answer or "204" in route["responses"] for answer in good), (method, path)
            assert route["summary"], (method, path)
            assert method == "get" or not route["operationId"].startswith("get")
