"""What a service is started with, and whether that may be."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from platformdirs import user_data_path

PORT = 8400
LOOPBACK = "127.0.0.1"


class SettingsError(Exception):
    """The service cannot be started so; the message says why and what to do."""


@dataclass(frozen=True)
class Settings:
    """Folders and addresses of a service.

    ``data``: tokens, queue, catalogue and logs, on a local disk; ``runs``: the run files; ``recipes``: sweeps, batches
    and benches. ``names`` under which browsers reach it besides its address; ``proxy``: the name of the one proxy in
    front of it. ``real_time``: runs on simulated benches take the time of real ones.
    """

    data: Path
    runs: Path
    recipes: Path
    host: str = LOOPBACK
    port: int = PORT
    tls_cert: Path | None = None
    tls_key: Path | None = None
    proxy: str | None = None
    names: tuple[str, ...] = field(default=())
    real_time: bool = False

    @property
    def secure(self) -> bool:
        """Whether browsers reach it by https."""
        return self.tls_cert is not None or self.proxy is not None

    @property
    def hosts(self) -> frozenset[str]:
        """What may stand in the header Host: no other name leads here, whatever a name server says."""
        if self.proxy is not None:
            beside = {LOOPBACK, "localhost"} if is_loopback(self.host) else {self.host}
            return frozenset({self.proxy.lower(), *(f"{one}:{self.port}" for one in beside)})
        names = {self.host.lower(), *(name.lower() for name in self.names)}
        if is_loopback(self.host):
            names |= {LOOPBACK, "localhost", "::1"}
        elif ip_address_of(self.host) in ("0.0.0.0", "::"):
            names |= {socket.gethostname().lower(), socket.getfqdn().lower(), LOOPBACK, "localhost"}
        default = 443 if self.secure else 80
        bracketed = {f"[{name}]" if ":" in name else name for name in names}
        return frozenset({f"{name}:{self.port}" for name in bracketed} | (bracketed if self.port == default else set()))

    @property
    def origins(self) -> frozenset[str]:
        """What may stand in the header Origin."""
        if self.proxy is not None:
            local = {f"http://{host}" for host in self.hosts if host != self.proxy.lower()}
            return frozenset({f"https://{self.proxy.lower()}", *local})
        return frozenset(f"{'https' if self.secure else 'http'}://{host}" for host in self.hosts)

    @property
    def address(self) -> str:
        """Where a browser on this computer finds it."""
        name = LOOPBACK if ip_address_of(self.host) in ("0.0.0.0", "::", LOOPBACK) else self.host
        return f"{'https' if self.tls_cert else 'http'}://{f'[{name}]' if ':' in name else name}:{self.port}/"


def data_folder() -> Path:
    """Where a service keeps its own files, unless told otherwise."""
    return user_data_path("jvl-bench", appauthor=False) / "service"


def ip_address_of(host: str) -> str | None:
    """The address that a host is, None for a name."""
    try:
        return str(ip_address(host))
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Whether only programs of this computer reach such an address."""
    address = ip_address_of(host)
    return host == "localhost" if address is None else ip_address(address).is_loopback


def refuse_what_is_open(settings: Settings) -> None:
    """See that a service beyond this computer is encrypted, and that its files and folders are there.

    :raises SettingsError: it is not, or one of them is not.
    """
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise SettingsError("--tls-cert and --tls-key: name both, the certificate and its key")
    for option, file in (("--tls-cert", settings.tls_cert), ("--tls-key", settings.tls_key)):
        if file is not None and not file.is_file():
            raise SettingsError(f"{option}: {file}: there is no such file")
    if settings.tls_cert is not None and settings.proxy is not None:
        raise SettingsError("--tls-cert with --behind-proxy: the proxy encrypts; leave one of them out")
    if not (is_loopback(settings.host) or settings.secure):
        raise SettingsError(
            f"--host {settings.host}: tokens would go over the network for everybody to read. Name a certificate and "
            "its key (--tls-cert, --tls-key), or the proxy that encrypts in front of it (--behind-proxy NAME); or "
            "leave --host out and reach it through ssh -L"
        )
    if not settings.recipes.is_dir():
        raise SettingsError(
            f"--recipes: {settings.recipes}: there is no such folder. Start it where the folder of sweeps and "
            "benches is (configs, as it is shipped), or name that folder with --recipes"
        )
    for option, folder in (("--data", settings.data), ("--runs", settings.runs)):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            why = "a file stands there" if folder.exists() else error.strerror or error
            raise SettingsError(f"{option}: {folder}: cannot be made or used as a folder ({why})") from error
