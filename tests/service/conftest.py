"""A service in this process, spoken to as a browser does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from acquire.service.app import application
from acquire.service.settings import Settings
from acquire.service.tokens import Role, Tokens
from tests.conftest import CONFIGS

HOST = "http://127.0.0.1:8400"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a service: ``data`` and ``runs`` in it."""
    place = tmp_path_factory.mktemp("service")
    (place / "runs").mkdir()
    return place


@pytest.fixture(scope="module")
def settings(folder: Path) -> Settings:
    return Settings(data=folder / "data", runs=folder / "runs", recipes=CONFIGS)


@pytest.fixture(scope="module")
def tokens(settings: Settings) -> dict[Role, str]:
    return Tokens(settings.data).begin()


@pytest.fixture(scope="module")
def service(settings: Settings, tokens: dict[Role, str]) -> Iterator[TestClient]:
    """Somebody whom the service does not know."""
    with TestClient(application(settings), base_url=HOST, raise_server_exceptions=False) as client:
        yield client


def logged_in(service: TestClient, token: str) -> TestClient:
    """A browser that has logged in."""
    browser = TestClient(service.app, base_url=HOST, raise_server_exceptions=False)
    answer = browser.post("/api/v1/login", json={"token": token})
    assert answer.status_code == 200, answer.text
    browser.headers["x-csrf-token"] = answer.json()["csrf"]
    return browser


@pytest.fixture
def operator(service: TestClient, tokens: dict[Role, str]) -> TestClient:
    return logged_in(service, tokens[Role.OPERATOR])


@pytest.fixture
def viewer(service: TestClient, tokens: dict[Role, str]) -> TestClient:
    return logged_in(service, tokens[Role.VIEWER])
