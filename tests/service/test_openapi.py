"""Whatever is sent to the routes that the OpenAPI document names: no mistake of the service comes back."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from starlette.requests import Request

from acquire.service.app import application
from acquire.service.settings import Settings
from acquire.service.tokens import Role, Tokens
from tests.conftest import CONFIGS


def begun_and_over(arguments: Sequence[str], log: Path, started_for: str) -> SimpleNamespace:
    """What stands for the process of a run that was started: it has ended already, and says so."""
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text('{"run_id": "0b7e1234-0000-4000-8000-000000000000", "status": "completed"}\n', "utf-8")
    return SimpleNamespace(pid=1, log=log, status=lambda: 0, lives=lambda: False)


GOOD = (
    ("health-check", {"body": {}}, 202),
    ("calibrate", {"body": {}}, 202),
    ("events", {"query": {}}, 200),
    ("events", {"query": {"cursor": "nobody"}}, 200),
    ("events", {"query": {"cursor": "?"}}, 422),
)


def one_look(_: Request) -> Callable[[], bool]:
    """A login that lasts until the stream was looked at once."""
    left = iter([True])
    return lambda: next(left, False)


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
        patch.setattr("acquire.service.run_starter.start_run", begun_and_over)
        patch.setattr("acquire.service.routes_access.still_logged_in", one_look)
        patch.setattr("acquire.service.stream.HEARTBEAT", 0.01)
        yield schemathesis.openapi.from_asgi("/api/v1/openapi.json", app, headers={"host": "127.0.0.1:8400"})


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
    for path, how, status in GOOD:  # nothing else would tell that they came as far as what was put in their place
        answer = everything[f"/api/v1/{path}"]["get" if "query" in how else "post"].Case(**how).call(headers=headers)
        assert answer.status_code == status, answer.text
    assert len(operations) == sum(len(routes) for routes in everything.raw_schema["paths"].values()) > 25


def test_every_route_is_typed(everything: schemathesis.Schema) -> None:
    document = everything.raw_schema
    for path, routes in document["paths"].items():
        for method, route in routes.items():
            good = [answer for code, answer in route["responses"].items() if code.startswith("2")]
            assert good, (method, path)
            assert all("content" in answer or "204" in route["responses"] for answer in good), (method, path)
            assert route["summary"], (method, path)
            assert method == "get" or not route["operationId"].startswith("get")
