"""Who is told of runs, and how: the file ``service.yaml`` in the folder of the service."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field

from acquire.config import ConfigurationError, Problem
from acquire.config.parsing import parse
from acquire.config.section import Section
from acquire.config.yaml_source import Place, YamlSource, read_yaml, what_is

FILE_NAME = "service.yaml"
Kind = Literal["done", "needs_person", "asked", "question"]
KINDS: tuple[Kind, ...] = ("done", "needs_person", "asked", "question")
HIDDEN = "***"


class Webhook(Section):
    """A page on some server that takes messages as JSON (``text`` as Slack, Mattermost and Matrix bridges want it)."""

    url: str = Field(
        description="Where messages are posted. Whoever knows it can post there: it is never logged.",
        examples=["https://chat.example.org/hooks/abc"],
    )


class Mail(Section):
    """A mail server that takes messages for people."""

    host: str = Field(min_length=1, description="Name of the mail server.", examples=["smtp.example.org"])
    port: int = Field(default=587, ge=1, le=65535, description="587 with starttls, 465 with tls, 25 without either.")
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="How the way to the server is encrypted; none only without a password."
    )
    ca_file: str | None = Field(
        default=None, description="Certificates (PEM) by which the server is known, if the system does not know it."
    )
    user: str | None = Field(default=None, description="Name to log in with, where the server asks for one.")
    password: str | None = Field(default=None, description="Password to log in with: never logged.")
    sender: str = Field(min_length=3, description="From whom messages come.", examples=["bench@example.org"])
    recipients: tuple[str, ...] = Field(min_length=1, description="To whom they go.", examples=[["ann@example.org"]])


class Notifications(Section):
    """Channels on which people are told, and of what."""

    webhook: Webhook | None = Field(default=None, description="A chat, or another program.")
    mail: Mail | None = Field(default=None, description="E-mail.")
    kinds: tuple[Kind, ...] = Field(
        default=KINDS,
        description="Of what: done, needs_person (failed, stopped, interrupted), asked (by a viewer), question.",
    )


class ServiceFile(Section):
    """The file of settings of a service."""

    kind: Literal["service"] = Field(description="What sort of file this is.")
    notifications: Notifications = Field(default_factory=Notifications, description="Who is told of runs, and how.")


def read_settings(folder: Path) -> Notifications:
    """Who is told; nobody where there is no file.

    :raises acquire.config.ConfigurationError: with everything that is wrong with the file; no secret is quoted.
    """
    path = folder / FILE_NAME
    if what_is(path) == "nothing":
        return Notifications()
    source = read_yaml(path)
    parsed = parse(source, ServiceFile)
    problems = [*parsed.problems, *_rules(source, parsed.section("notifications", Notifications))]
    if problems or parsed.model is None:
        raise ConfigurationError([_without_secrets(problem, source) for problem in problems])
    return parsed.model.notifications


def _rules(source: YamlSource, told: Notifications | None) -> Iterator[Problem]:
    if told is not None and told.webhook is not None and not _is_address(told.webhook.url):
        place = ("notifications", "webhook", "url")
        yield source.problem(place, "is no address of a page", "write https:// and what follows, without user@")
    mail = None if told is None else told.mail
    if mail is None:
        return
    at = ("notifications", "mail")
    if (mail.user is None) != (mail.password is None):
        yield source.problem(at, "has a user or a password, but not both", "give both, or leave both out")
    if mail.password is not None and mail.security == "none" and not _is_here(mail.host):
        yield source.problem(
            (*at, "security"), "would send the password for everybody to read", "write starttls or tls"
        )
    addresses: list[tuple[Place, str]] = [(("sender",), mail.sender)]
    addresses += [(("recipients", i), one) for i, one in enumerate(mail.recipients)]
    for key, address in addresses:
        if "@" not in address or any(letter.isspace() for letter in address):
            yield source.problem((*at, *key), f"'{address}' is no e-mail address", "write name@server")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        return False


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _without_secrets(problem: Problem, source: YamlSource) -> Problem:
    message, hint = (hidden(text, _secrets(source.content)) for text in (problem.message, problem.hint))
    return replace(problem, message=message, hint=hint)


def _secrets(content: Any, *, secret: bool = False) -> Iterator[str]:
    """Whatever stands where a secret should, in a file that may be wrong."""
    if isinstance(content, dict):
        for name, value in content.items():
            yield from _secrets(value, secret=secret or name in ("url", "password"))
    elif isinstance(content, list):
        for value in content:
            yield from _secrets(value, secret=secret)
    elif secret and isinstance(content, str):
        yield content


def secrets_of(told: Notifications) -> tuple[str, ...]:
    """What must stand in no log."""
    texts = [told.webhook.url if told.webhook else None, told.mail.password if told.mail else None]
    if told.webhook is not None:
        parts = urlsplit(told.webhook.url)
        texts += [parts.path.strip("/"), parts.query]
    return tuple(text for text in texts if text)


def hidden(text: str, secrets: Iterator[str] | tuple[str, ...]) -> str:
    """A text with stars where a secret stood."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text
