"""Tells people what became of runs: by a webhook, by e-mail. In threads of its own, which hold up nothing else.

What is to be told stands in the file of the queue (:mod:`acquire.service.queue_messages`), so a restart forgets none of
it. A server that does not answer is tried again some times, and then given up; no secret gets into a log.
"""

from __future__ import annotations

import json
import logging
import smtplib
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from http.client import HTTPException
from typing import Any

from acquire.safety.visible import one_line
from acquire.service.notification_settings import Mail, Notifications, Webhook, hidden, secrets_of
from acquire.service.queue_file import QueueUnusable
from acquire.service.queue_messages import Messages

PATIENCE = 15.0  # s for a server, at each step of sending
AGAIN_AFTER = (10.0, 60.0, 300.0, 1800.0, 7200.0)  # s behind each try that failed; then it is given up
LOOK = 1.0  # s
LONGEST_ERROR = 300  # characters

_log = logging.getLogger("acquire.service.notifications")


@dataclass(frozen=True)
class Message:
    """What is told: a subject in one line, a text, and the same for programs."""

    subject: str
    text: str
    content: Mapping[str, Any]


class NotSent(Exception):
    """A message did not get through."""


#: The words behind the name of an item, by the kind of message.
SAID: Mapping[str, str] = {
    "done": "is done",
    "needs_person": "waits for a person",
    "asked": "waits for an operator's yes",
    "question": "asks something",
    "test": "can tell you so",
}


def message_of(content: Mapping[str, Any], where: str) -> Message:
    """The message for what the queue wants to be told; ``where`` names the bench computer."""
    kind, item = str(content.get("kind", "")), content.get("item") or {}
    request = item.get("request") or {}
    name = " ".join(filter(None, [request.get("sample"), request.get("pixel")])) or request.get("recipe") or "the bench"
    subject = one_line(f"{where}: {name} {SAID.get(kind, kind)}")[:200]
    lines = [f"{name} {SAID.get(kind, kind)}."]
    lines += [f"{item['reason'][:1].upper()}{item['reason'][1:]}."] if item.get("reason") else []
    lines += [str(content["text"])] if content.get("text") else []
    lock = content.get("lock")
    if kind == "needs_person" and lock:
        lines.append(f"The bench is locked by {lock['name']}: nothing begins until somebody unlocks it.")
    of_batch = (item.get("estimate") or {}).get("kind") == "batch"
    for title, name_in in (("Pixels" if of_batch else "Figures of merit", "figures"), ("Findings", "findings")):
        if found := content.get(name_in):
            lines += ["", f"{title}:", *(f"  {text}" for text in found)]
    facts = [(label, _text(item.get(key) or request.get(key))) for label, key in _FACTS]
    lines += ["", *(f"{label}: {text}" for label, text in facts if text)]
    plain = {"kind": kind, "subject": subject, "item": item.get("id"), "state": item.get("state"), "where": where}
    more = {name: content.get(name) for name in ("figures", "findings", "moment") if content.get(name)}
    run = {name: item.get(name) for name in ("run_id", "run", "reason")}
    return Message(subject, "\n".join(map(one_line, lines)).strip() + "\n", {**plain, **run, **more})


_FACTS = (("Recipe", "recipe"), ("User", "user"), ("Run file", "run"), ("Begun", "started"), ("Ended", "ended"))


def _text(value: object) -> str:
    return "" if value is None else str(value)


# --- channels ------------------------------------------------------------------------------------------------


class _NoWayOn(urllib.request.HTTPRedirectHandler):
    """A message goes where it was meant to go, or nowhere."""

    def redirect_request(self, *_: Any) -> None:
        """Refuse."""
        return


def post(webhook: Webhook, message: Message) -> None:
    """Post a message as JSON.

    :raises NotSent: the server cannot be reached, or does not take it.
    """
    body = json.dumps({"text": f"{message.subject}\n{message.text}", **message.content}).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "jvl-bench"}
    request = urllib.request.Request(webhook.url, body, headers, method="POST")
    try:
        with urllib.request.build_opener(_NoWayOn).open(request, timeout=PATIENCE) as answer:
            answer.read(1024)
    except (OSError, HTTPException, ValueError) as error:
        raise NotSent(_why(error)) from error


def mail(settings: Mail, message: Message) -> None:
    """Send a message by e-mail.

    :raises NotSent: the server cannot be reached, or does not take it.
    """
    letter = EmailMessage()
    letter["Subject"], letter["From"], letter["To"] = message.subject, settings.sender, ", ".join(settings.recipients)
    letter["Date"], letter["Message-ID"] = formatdate(localtime=True), make_msgid(domain=settings.sender.split("@")[-1])
    letter["Auto-Submitted"] = "auto-generated"  # RFC 3834: no absence note comes back
    letter.set_content(message.text)
    try:
        with _server(settings) as server:
            if settings.security == "starttls":
                server.starttls(context=_known(settings))
            if settings.user is not None and settings.password is not None:
                server.login(settings.user, settings.password)
            server.send_message(letter)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise NotSent(_why(error)) from error


def _server(settings: Mail) -> smtplib.SMTP:
    if settings.security == "tls":
        return smtplib.SMTP_SSL(settings.host, settings.port, timeout=PATIENCE, context=_known(settings))
    return smtplib.SMTP(settings.host, settings.port, timeout=PATIENCE)


def _known(settings: Mail) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=settings.ca_file)


def _why(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return f"no recipient was accepted: {error.recipients}"
    if isinstance(error, TimeoutError) or str(error).endswith("timed out"):  # smtplib hides some of them
        return f"no answer within {PATIENCE:g} s"
    return f"{type(error).__name__}: {error}"


# --- sending -------------------------------------------------------------------------------------------------

Channel = Callable[[Message], None]


def channels_of(told: Notifications) -> dict[str, Channel]:
    """The channels that are set, by their names."""
    found: dict[str, Channel] = {}
    if (webhook := told.webhook) is not None:
        found["webhook"] = lambda message: post(webhook, message)
    if (server := told.mail) is not None:
        found["mail"] = lambda message: mail(server, message)
    return found


class Notifier:
    """Sends what the queue wants to be told, each channel in a thread of its own."""

    def __init__(
        self,
        messages: Messages,
        told: Notifications,
        *,
        where: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.channels = channels_of(told)
        self._messages, self._told, self._clock = messages, told, clock
        self._where = where or socket.gethostname()
        self._secrets = secrets_of(told)
        self._over = threading.Event()
        self._threads: Sequence[threading.Thread] = ()

    def start(self) -> None:
        """Send from now on."""
        names = list(self.channels) or [""]
        self._threads = [
            threading.Thread(target=self._run, args=(name,), name=f"tell-{name}", daemon=True) for name in names
        ]
        for thread in self._threads:
            thread.start()

    def stop(self, patience: float = 1.0) -> None:
        """Send no more; what is not sent yet is sent after the next start."""
        self._over.set()
        for thread in self._threads:
            thread.join(patience)

    def _run(self, channel: str) -> None:
        while not self._over.wait(LOOK):
            try:
                self.look(channel)
            except QueueUnusable as problem:
                _log.error("messages cannot be read: %s", problem)
            except Exception as problem:
                _log.error("messages cannot be sent: %s", self._hidden(f"{type(problem).__name__}: {problem}"))

    def look(self, channel: str) -> None:
        """Send what is due on a channel.

        :raises acquire.service.queue.QueueUnusable: the messages cannot be read.
        """
        self._messages.share_out(tuple(self.channels), self._told.kinds)
        for seq, content, tries in self._messages.due(self._clock(), channel):
            if self._over.is_set():
                return
            self._send(channel, seq, content, tries)

    def _send(self, channel: str, seq: int, content: Mapping[str, Any], tries: int) -> None:
        try:
            self.channels[channel](message_of(content, self._where))
        except NotSent as problem:
            error = self._hidden(str(problem))[:LONGEST_ERROR]
            if tries < len(AGAIN_AFTER):
                self._messages.tried(seq, "waiting", error, self._clock() + AGAIN_AFTER[tries])
            else:
                self._messages.tried(seq, "given up", error)
            _log.warning("%s: message %d was not sent (try %d): %s", channel, seq, tries + 1, error)
            return
        self._messages.tried(seq, "sent")

    def test(self) -> dict[str, str]:
        """Send a test message on each channel now: what went wrong by channel, empty where nothing did."""
        message = message_of({"kind": "test"}, self._where)
        said: dict[str, str] = {}
        for name, send in self.channels.items():
            try:
                send(message)
                said[name] = ""
            except NotSent as problem:
                said[name] = self._hidden(str(problem))[:LONGEST_ERROR]
        return said

    def _hidden(self, text: str) -> str:
        return one_line(hidden(text, self._secrets))
