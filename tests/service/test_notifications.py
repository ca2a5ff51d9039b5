"""What people are told, and how: held to a real mail server and a real web server on this computer."""

from __future__ import annotations

import email
import json
import logging
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import policy
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from acquire.config import ConfigurationError
from acquire.service import notifications
from acquire.service.notification_settings import Mail, Notifications, Webhook, read_settings
from acquire.service.notifications import AGAIN_AFTER, Notifier, message_of
from acquire.service.queue import RunQueue
from acquire.service.queue_rules import Ending, Outcome, Request

PASSWORD = "correct horse"
LONG = 60.0  # s, of waits that nothing comes near unless it is broken
ENDING = Ending(
    Outcome.COMPLETED,
    run_id="5f0c",
    run="runs/S1_A.h5",
    output_off=True,
    figures=("V_on 2.45 V", "EQE_max 5.21 %"),
    findings=("doubtful: the dark level has moved by 5 %",),
)


class Inbox:
    """What a mail server of aiosmtpd takes."""

    def __init__(self) -> None:
        self.letters: list[Any] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's name
        self.letters.append((envelope, email.message_from_bytes(envelope.content, policy=policy.default)))
        return "250 taken"


@contextmanager
def mail_server(**more: Any) -> Iterator[tuple[Inbox, int]]:
    inbox = Inbox()
    controller = Controller(inbox, hostname="127.0.0.1", port=0, **more)
    # The port is the system's choice, which aiosmtpd asks the server for only after it has tried it
    controller.port = free_port()
    controller.start()
    try:
        yield inbox, controller.port
    finally:
        controller.stop(no_assert=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def web_server(
    status: int = 200, heard: threading.Semaphore | None = None
) -> Iterator[tuple[list[dict[str, Any]], str]]:
    """A page that takes JSON, lets ``heard`` know, and answers with ``status``; its address holds a secret."""
    taken: list[dict[str, Any]] = []

    class Page(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the library's name
            taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            if heard is not None:
                heard.release()
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield taken, f"http://127.0.0.1:{server.server_port}/hooks/s3cret-path?key=s3cret-key"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[RunQueue]:
    with RunQueue(tmp_path / "queue.sqlite") as queue:
        yield queue


def run_one(queue: RunQueue, ending: Ending = ENDING) -> None:
    item = queue.add(Request("a.yaml", sample="S1", pixel="A", user="Ann"), "Ann", operator=True)
    queue.claim(item.id, "log", "test")
    queue.begin(item.id, 1, 1)
    queue.end(item.id, 1, ending, "test")


def notifier(queue: RunQueue, told: Notifications, clock: list[float] | None = None) -> Notifier:
    moment = clock if clock is not None else [0.0]
    return Notifier(queue.messages, told, where="bench 1", clock=lambda: moment[0])


def mail_to(port: int, **more: Any) -> Notifications:
    settings = {"security": "none", "sender": "bench@lab.example", "recipients": ("ann@lab.example", "bob@lab.example")}
    return Notifications(mail=Mail(host="127.0.0.1", port=port, **{**settings, **more}))


def test_a_letter_says_what_was_measured_and_what_speaks_against_it(queue: RunQueue):
    run_one(queue)
    with mail_server() as (inbox, port):
        notifier(queue, mail_to(port)).look("mail")
    ((envelope, letter),) = inbox.letters
    assert envelope.rcpt_tos == ["ann@lab.example", "bob@lab.example"]
    assert letter["Subject"] == "bench 1: S1 A is done"
    text = letter.get_content()
    for part in (
        "V_on 2.45 V",
        "EQE_max 5.21 %",
        "doubtful: the dark level has moved by 5 %",
        "runs/S1_A.h5",
        "a.yaml",
    ):
        assert part in text
    assert [told.state for told in queue.messages.newest()] == ["sent"]


def test_a_webhook_takes_the_same_as_json(queue: RunQueue):
    run_one(queue, Ending(Outcome.INTERRUPTED, "its process ended without saying how"))
    with web_server() as (taken, url):
        notifier(queue, Notifications(webhook=Webhook(url=url))).look("webhook")
    (message,) = taken
    assert message["kind"] == "needs_person"
    assert message["state"] == "needs_person"
    assert message["text"].startswith("bench 1: S1 A waits for a person\n")
    assert "interrupted: its process ended without saying how" in message["text"]
    assert "locked by the queue: nothing begins" in message["text"]


def test_each_message_goes_to_each_channel_once(queue: RunQueue):
    run_one(queue)
    queue.add(Request("b.yaml"), "Vic", operator=False)
    with mail_server() as (inbox, port), web_server() as (taken, url):
        both = Notifications(mail=mail_to(port).mail, webhook=Webhook(url=url))
        teller = notifier(queue, both)
        for _ in range(2):
            teller.look("mail")
            teller.look("webhook")
    assert [letter["Subject"] for _, letter in inbox.letters] == [
        "bench 1: S1 A is done",
        "bench 1: b.yaml waits for an operator's yes",
    ]
    assert [message["kind"] for message in taken] == ["done", "asked"]


def test_only_the_kinds_that_are_wanted_are_told(queue: RunQueue):
    run_one(queue)
    with web_server() as (taken, url):
        notifier(queue, Notifications(webhook=Webhook(url=url), kinds=("asked",))).look("webhook")
    assert taken == []
    assert queue.messages.newest() == []


@pytest.mark.parametrize("status", [302, 403, 500])
def test_what_is_not_taken_is_tried_again_some_times_and_then_given_up(
    queue: RunQueue, status: int, caplog: pytest.LogCaptureFixture
):
    run_one(queue)
    clock = [1000.0]
    with web_server(status) as (taken, url), caplog.at_level(logging.DEBUG):
        teller = notifier(queue, Notifications(webhook=Webhook(url=url)), clock)
        for n, pause in enumerate([*AGAIN_AFTER, 1e6, 1e6]):
            teller.look("webhook")
            teller.look("webhook")  # not yet due again
            assert len(taken) == min(n, len(AGAIN_AFTER)) + 1
            clock[0] += pause + 0.1
    (told,) = queue.messages.newest()
    assert (told.state, told.tries) == ("given up", len(AGAIN_AFTER) + 1)
    assert "s3cret" not in caplog.text + told.error
    assert str(status) in told.error


def test_a_message_that_was_not_sent_is_sent_after_a_restart(queue: RunQueue):
    run_one(queue)
    clock = [0.0]
    notifier(queue, mail_to(free_port()), clock).look("mail")
    clock[0] += AGAIN_AFTER[0] + 1.0
    with mail_server() as (inbox, port):
        notifier(queue, mail_to(port), clock).look("mail")
    assert len(inbox.letters) == 1


def test_a_dead_mail_server_holds_up_nothing(queue: RunQueue, monkeypatch: pytest.MonkeyPatch):
    """A server that accepts the connection and never says a word: what else goes on is over before that is."""
    monkeypatch.setattr(notifications, "PATIENCE", LONG)
    monkeypatch.setattr(notifications, "LOOK", 0.01)
    heard = threading.Semaphore(0)
    with web_server(heard=heard) as (taken, url):
        with socket.create_server(("127.0.0.1", 0)) as dead:
            dead.settimeout(LONG)
            teller = notifier(queue, Notifications(mail=mail_to(dead.getsockname()[1]).mail, webhook=Webhook(url=url)))
            teller.start()
            run_one(queue)
            with dead.accept()[0]:  # from now on somebody waits for a word of the server, until the block ends
                run_one(queue)
                for _ in range(2):
                    assert heard.acquire(timeout=LONG)
                of_mail = [told for told in queue.messages.newest() if told.channel == "mail"]
        teller.stop()
    assert [(told.state, told.tries) for told in of_mail] == [("waiting", 0)] * 2
    assert [message["kind"] for message in taken] == ["done", "done"]


def test_a_mail_server_that_never_says_a_word_is_told(queue: RunQueue, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(notifications, "PATIENCE", 0.1)
    run_one(queue)
    with socket.create_server(("127.0.0.1", 0)) as dead:
        notifier(queue, mail_to(dead.getsockname()[1])).look("mail")
    assert [told.error for told in queue.messages.newest()] == ["no answer within 0.1 s"]


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and its key, made now."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    about = ["-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    try:
        subprocess.run([*made, *about, "-keyout", key, "-out", cert], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("needs openssl to make a certificate")
    return cert, key


def test_a_password_goes_only_over_an_encrypted_way_to_a_server_that_is_known(queue: RunQueue, tmp_path: Path):
    cert, key = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    seen: list[tuple[bytes, bytes]] = []

    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        seen.append((data.login, data.password))
        return AuthResult(success=data.password == PASSWORD.encode())

    more = {"tls_context": context, "authenticator": authenticate, "auth_required": True, "require_starttls": True}
    run_one(queue)
    login = {"security": "starttls", "user": "bench", "password": PASSWORD}
    clock = [0.0]
    with mail_server(**more) as (inbox, port):
        notifier(queue, mail_to(port, **login), clock).look("mail")  # the system does not know the certificate
        assert inbox.letters == seen == []
        (told,) = queue.messages.newest()
        assert "CERTIFICATE_VERIFY_FAILED" in told.error
        clock[0] += 1e5
        notifier(queue, mail_to(port, **login, ca_file=str(cert)), clock).look("mail")
    assert seen == [(b"bench", PASSWORD.encode())]
    assert len(inbox.letters) == 1


def test_no_line_of_a_text_from_outside_becomes_a_header():
    content = {"kind": "done", "item": {"request": {"sample": "S1\r\nBcc: eve@evil.example", "recipe": "a.yaml"}}}
    message = message_of(content, "bench 1")
    assert "\n" not in message.subject
    assert "\r" not in message.subject + message.text


# --- the file of settings ------------------------------------------------------------------------------------

RIGHT = f"""kind: service
notifications:
  webhook: {{url: "https://chat.example/hooks/s3cret"}}
  mail:
    host: smtp.example
    user: bench
    password: {PASSWORD}
    sender: bench@example
    recipients: [ann@example]
  kinds: [needs_person, question]
"""


def settings(folder: Path, text: str) -> Notifications:
    (folder / "service.yaml").write_text(text, encoding="utf-8")
    return read_settings(folder)


def test_settings_are_read_and_without_a_file_nobody_is_told(tmp_path: Path):
    assert read_settings(tmp_path) == Notifications()
    told = settings(tmp_path, RIGHT)
    assert told.mail is not None
    assert (told.mail.port, told.mail.security, told.mail.password) == (587, "starttls", PASSWORD)
    assert told.kinds == ("needs_person", "question")


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("https://chat.example", "ftp://chat.example", "service.yaml:3: notifications.webhook.url: is no address"),
        ("    user: bench\n", "", "a user or a password, but not both"),
        ("    host: smtp.example\n", "    host: smtp.example\n    security: none\n", "for everybody to read"),
        ("[ann@example]", "[ann]", "'ann' is no e-mail address"),
        ("    host:", "    hots:", "hots"),
        ("question]", "quiz]", "kinds"),
        (f"password: {PASSWORD}", f"password: [{PASSWORD}]", "password"),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_without_secrets(tmp_path: Path, right: str, wrong: str, said: str):
    assert right in RIGHT
    with pytest.raises(ConfigurationError) as told:
        settings(tmp_path, RIGHT.replace(right, wrong))
    assert said in str(told.value)
    assert "s3cret" not in str(told.value)
    assert PASSWORD not in str(told.value)
