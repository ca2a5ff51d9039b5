"""Who gets in, and who does not: logins, other sites, other names, too much of anything."""

from __future__ import annotations

import asyncio
import errno
import json
import stat
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from acquire.service.access import COOKIE, LONGEST_BODY, Rate, still_logged_in
from acquire.service.reading import Reader
from acquire.service.run_files import RunFiles
from acquire.service.settings import Settings, SettingsError, refuse_what_is_open
from acquire.service.stream import Stream
from acquire.service.tokens import LOGIN_LASTS, Login, Role, Tokens
from acquire.service.watching import Watch
from tests.support.coroutines import carried_out

API = "/api/v1"


def code(answer: object) -> str:
    return answer.json()["error"]["code"]  # type: ignore[attr-defined,no-any-return]


@pytest.fixture(autouse=True)
def nobody_guesses(service: TestClient) -> None:
    """Each test may log in anew, however many did before."""
    service.app.state.guesses._left.clear()  # type: ignore[attr-defined]


def test_without_a_login_nothing_is_told(service: TestClient) -> None:
    for path in ("status", "recipes", "history", "events", "me", "schema/sweep"):
        answer = service.get(f"{API}/{path}")
        assert answer.status_code == 401
        assert code(answer) == "not_logged_in"
    assert service.get("/metrics").status_code == 401
    assert service.get("/health").json()["status"] == "ok"


def test_the_cookie_is_for_this_service_alone_and_the_token_is_nowhere_in_it(
    service: TestClient, tokens: dict[Role, str]
) -> None:
    answer = service.post(f"{API}/login", json={"token": tokens[Role.OPERATOR]})
    said = answer.headers["set-cookie"]
    assert "HttpOnly" in said
    assert "SameSite=strict" in said
    assert tokens[Role.OPERATOR] not in said
    assert answer.json()["role"] == "operator"
    service.cookies.clear()


def test_only_hashes_are_kept_and_only_their_user_may_read_them(settings: Settings, tokens: dict[Role, str]) -> None:
    file = settings.data / "tokens.json"
    text = file.read_text("utf-8")
    assert not any(token in text for token in tokens.values())
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_wrong_token_is_refused_and_ten_are_enough(service: TestClient) -> None:
    answers = [service.post(f"{API}/login", json={"token": f"guess {number}"}) for number in range(12)]
    assert [answer.status_code for answer in answers] == [401] * 10 + [429] * 2
    assert answers[-1].headers["retry-after"] == "60"


def test_who_guesses_keeps_nobody_out(service: TestClient, tokens: dict[Role, str]) -> None:
    for number in range(12):
        service.post(f"{API}/login", json={"token": f"guess {number}"})
    assert service.post(f"{API}/login", json={"token": tokens[Role.OPERATOR]}).status_code == 200
    service.cookies.clear()


def test_a_viewer_looks_and_does_nothing(viewer: TestClient) -> None:
    assert viewer.get(f"{API}/status").status_code == 200
    for path in ("runs", "runs/abcd/stop", "runs/abcd/pause", "runs/abcd/level", "health-check", "calibrate"):
        answer = viewer.post(f"{API}/{path}", json={"level": "1 V"} if path.endswith("level") else {})
        assert (answer.status_code, code(answer)) == (403, "forbidden"), path
    answer = viewer.put(f"{API}/recipes/sweeps/mine.yaml", json={"yaml": "kind: sweep", "version": None})
    assert code(answer) == "forbidden"


def test_what_changes_something_carries_the_mark_of_its_login(operator: TestClient, viewer: TestClient) -> None:
    mine = operator.headers.pop("x-csrf-token")
    assert code(operator.post(f"{API}/logout")) == "csrf"
    operator.headers["x-csrf-token"] = viewer.headers["x-csrf-token"]
    assert code(operator.post(f"{API}/logout")) == "csrf"
    operator.headers["x-csrf-token"] = mine
    assert operator.post(f"{API}/logout").status_code == 204
    assert operator.get(f"{API}/me").status_code == 401


def test_a_login_that_was_ended_does_not_come_back_with_its_cookie(operator: TestClient) -> None:
    cookie = operator.cookies[COOKIE]
    operator.post(f"{API}/logout")
    operator.cookies.set(COOKIE, cookie)
    assert operator.get(f"{API}/me").status_code == 401


def test_a_logout_outlives_the_service(tmp_path: Path) -> None:
    moment = [1_800_000_000.0]
    tokens = Tokens(tmp_path, lambda: moment[0])
    token = tokens.begin()[Role.VIEWER]
    left, stayed = (tokens.cookie_of(Login(Role.VIEWER)) for _ in range(2))
    beside = Tokens(tmp_path, lambda: moment[0])  # another service with the same folder
    assert beside.login_of(left) is not None
    login = tokens.login_of(left)
    assert login
    tokens.end(login)
    assert beside.login_of(left) is None
    with (tmp_path / "ended_logins.txt").open("ab") as file:
        file.write(b"\n01234")  # what a power cut leaves of another one
    for again in (Tokens(tmp_path, lambda: moment[0]), Tokens(tmp_path, lambda: moment[0])):
        again.begin()
        assert again.login_of(left) is None
        assert again.login_of(stayed) is not None
        assert again.login_with(token) is not None
    second = tokens.login_of(stayed)
    assert second
    tokens.end(second)
    assert Tokens(tmp_path, lambda: moment[0]).login_of(stayed) is None
    if sys.platform != "win32":
        assert stat.S_IMODE((tmp_path / "ended_logins.txt").stat().st_mode) == 0o600
    moment[0] += LOGIN_LASTS + 1
    Tokens(tmp_path, lambda: moment[0]).begin()
    assert (tmp_path / "ended_logins.txt").read_bytes() == b""  # they have ended by themselves


def test_a_logout_that_cannot_be_written_says_so(operator: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "the disk is full")

    cookie = operator.cookies[COOKIE]
    monkeypatch.setattr("acquire.service.ended_logins.os.fsync", full)
    answer = operator.post(f"{API}/logout")
    assert answer.status_code == 503
    assert "the disk is full" in answer.json()["error"]["message"]
    assert "acquire token operator" in answer.json()["error"]["hint"]
    operator.cookies.set(COOKIE, cookie)
    assert operator.get(f"{API}/me").status_code == 401


@pytest.mark.parametrize("way", ["cookie", "token"])
def test_a_stream_ends_with_its_login(tmp_path: Path, way: str) -> None:
    tokens = Tokens(tmp_path)
    token = tokens.begin()[Role.VIEWER]
    login = tokens.login_with(token)
    assert login
    said = f"{COOKIE}={tokens.cookie_of(login)}" if way == "cookie" else f"Bearer {token}"
    headers = [(b"cookie" if way == "cookie" else b"authorization", said.encode())]
    app = SimpleNamespace(state=SimpleNamespace(tokens=tokens))
    may = still_logged_in(Request({"type": "http", "headers": headers, "app": app}))

    async def events() -> int:
        stream = Stream(Watch(RunFiles(tmp_path, Reader()), Reader()), dict, dict)
        stream.told = {"state": b"{}", "queue": b"{}"}
        number = 0
        async for _ in stream.events({}, may=may):
            number += 1
            if number == 2:
                tokens.renew(Role.VIEWER)
        return number

    assert may()
    assert carried_out(asyncio.wait_for(events(), 20.0)) == 2
    assert not may()


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8400", "127.0.0.1:8401", "127.0.0.1.evil.example:8400", ""]
)
def test_another_name_leads_nowhere(operator: TestClient, host: str) -> None:
    answer = operator.get(f"{API}/status", headers={"host": host})
    assert (answer.status_code, code(answer)) == (421, "foreign_host")


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "https://127.0.0.1:8400"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_page_of_another_site_starts_nothing(operator: TestClient, headers: dict[str, str]) -> None:
    answer = operator.post(f"{API}/runs", json={"recipe": "sweeps/quick_look.yaml"}, headers=headers)
    assert (answer.status_code, code(answer)) == (403, "foreign_origin")


def test_its_own_page_may(operator: TestClient) -> None:
    headers = {"origin": "http://localhost:8400", "sec-fetch-site": "same-origin"}
    assert operator.post(f"{API}/runs/abcd/stop", json={}, headers=headers).status_code == 409


@pytest.mark.parametrize("method", ["PATCH", "TRACE", "OPTIONS", "BREW"])
def test_other_methods_are_refused(operator: TestClient, method: str) -> None:
    answer = operator.request(method, f"{API}/status")
    assert (answer.status_code, code(answer)) == (405, "method")


@pytest.mark.parametrize(
    "name",
    [
        "../pyproject.toml",
        "sweeps/../../pyproject.toml",
        "/etc/passwd.yaml",
        "..%2f..%2fx.yaml",
        "sweeps/.hidden.yaml",
        "a\\b.yaml",
        "sweeps/con.yaml",
        "lpt1.x/y.yaml",
    ],
)
def test_no_name_leads_out_of_the_recipes(operator: TestClient, name: str) -> None:
    for answer in (
        operator.get(f"{API}/recipes/{name}"),
        operator.put(f"{API}/recipes/{name}", json={"yaml": "kind: sweep", "version": None}),
        operator.post(f"{API}/runs", json={"recipe": name}),
    ):
        assert answer.status_code in (404, 405, 422), answer.text
    assert operator.get(f"/page/../{name}").status_code == 404


def test_a_run_is_found_by_its_number_only(operator: TestClient, folder: Path) -> None:
    for name in ("..%2Fdata%2Ftokens.json", "%2e%2e", "tokens.json"):
        for path in (f"runs/{name}", f"history/{name}", f"history/{name}/download"):
            assert operator.get(f"{API}/{path}").status_code in (404, 422)


def test_too_much_is_not_taken(operator: TestClient) -> None:
    long = "x" * (LONGEST_BODY + 1)
    assert operator.post(f"{API}/check", content=long).status_code == 413
    pieces = iter([b"x" * 65536] * (LONGEST_BODY // 65536 + 2))
    answer = operator.post(f"{API}/check", content=pieces, headers={"content-type": "application/json"})
    assert (answer.status_code, code(answer)) == (413, "too_large")
    assert operator.get(f"{API}/history?text={'x' * 9000}").status_code == 413


def test_who_asks_too_often_waits() -> None:
    moment = [0.0]
    rate = Rate(2.0, 3.0, lambda: moment[0])
    assert [rate.allows("a") for _ in range(5)] == [True, True, True, False, False]
    assert rate.allows("b")
    moment[0] = 1.0
    assert [rate.allows("a") for _ in range(3)] == [True, True, False]


def test_every_answer_says_that_nothing_else_may_be_loaded(operator: TestClient) -> None:
    for path in ("/health", f"{API}/status", f"{API}/nothing"):
        headers = operator.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_a_new_token_ends_the_old_one_and_its_logins(tmp_path: Path) -> None:
    moment = [1e9]
    tokens = Tokens(tmp_path, lambda: moment[0])
    old = tokens.begin()
    assert tokens.begin() == {}
    login = tokens.login_with(old[Role.OPERATOR])
    beside = tokens.login_with(old[Role.VIEWER])
    assert login
    assert beside
    cookies = [tokens.cookie_of(login), tokens.cookie_of(beside)]
    new = Tokens(tmp_path).renew(Role.OPERATOR)  # by the command, in another process
    assert tokens.login_with(old[Role.OPERATOR]) is None
    assert tokens.login_with(new) is not None
    assert tokens.login_of(cookies[0]) is None
    assert tokens.login_of(cookies[1]) is not None
    moment[0] += LOGIN_LASTS + 1
    assert tokens.login_of(cookies[1]) is None


def test_a_cookie_that_was_changed_is_none(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    login = tokens.login_with(tokens.begin()[Role.VIEWER])
    assert login
    cookie = tokens.cookie_of(login)
    assert tokens.login_of(cookie) is not None
    assert tokens.login_of(cookie.replace("viewer", "operator")) is None
    assert tokens.login_of(cookie[:-1] + ("0" if cookie[-1] != "0" else "1")) is None
    content = json.loads((tmp_path / "tokens.json").read_text("utf-8"))
    (tmp_path / "tokens.json").write_text(json.dumps({**content, "key": "0" * 64}), "utf-8")
    assert Tokens(tmp_path).login_of(cookie) is None


def test_beyond_this_computer_only_encrypted(tmp_path: Path) -> None:
    def settings(**more: object) -> Settings:
        return Settings(tmp_path, tmp_path, tmp_path, **more)  # type: ignore[arg-type]

    certificate = tmp_path / "c.pem"
    certificate.touch()
    refuse_what_is_open(settings())
    refuse_what_is_open(settings(host="0.0.0.0", tls_cert=certificate, tls_key=certificate))
    refuse_what_is_open(settings(host="0.0.0.0", proxy="bench.example"))
    for wrong in (
        {"host": "0.0.0.0"},
        {"host": "192.168.1.5"},
        {"host": "::"},
        {"tls_cert": certificate},
        {"tls_cert": tmp_path / "none.pem", "tls_key": certificate},
    ):
        with pytest.raises(SettingsError):
            refuse_what_is_open(settings(**wrong))
    behind = settings(proxy="Bench.Example")
    assert "bench.example" in behind.hosts
    assert "https://bench.example" in behind.origins
    assert "http://bench.example" not in behind.origins
    elsewhere = settings(proxy="bench.example:8443")
    assert "bench.example:8443" in elsewhere.hosts
    assert "https://bench.example:8443" in elsewhere.origins
