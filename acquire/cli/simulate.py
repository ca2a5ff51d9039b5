"""The command that serves the simulated bench to other programs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from acquire.cli.arguments import FAILED, USAGE
from acquire.cli.terminal import complain, say, say_json, whoever_listens

if TYPE_CHECKING:
    from drivers.simulated.serve import Port


def simulate(
    bench: Annotated[
        Path | None,
        typer.Option("--bench", help="simulated bench; without one, the shipped one", metavar="BENCH.yaml"),
    ] = None,
    sweep: Annotated[
        Path | None, typer.Option("--sweep", help="connect the device of this sweep", metavar="SWEEP.yaml")
    ] = None,
    host: Annotated[str, typer.Option("--host", help="address to listen on")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", help="TCP port of the first instrument; 0: any free ones", min=0, max=65533)
    ] = 0,
    no_pty: Annotated[bool, typer.Option("--no-pty", help="TCP only, no serial pseudo-terminals")] = False,
    write_bench: Annotated[
        Path | None,
        typer.Option("--write-bench", help="write a bench file with these ports", metavar="FILE"),
    ] = None,
    write_serial_bench: Annotated[
        Path | None,
        typer.Option("--write-serial-bench", help="the same with the serial ports", metavar="FILE"),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="show the traffic")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object per instrument")] = False,
) -> None:
    """Serve the simulated bench in real time on TCP and serial ports, until Ctrl-C."""
    from contextlib import closing

    from acquire.bench import simulated as simulation
    from acquire.config import ConfigurationError
    from acquire.safety.interruption import StopRequest
    from drivers.simulated.serve import BenchServer

    if bench is None and sweep is None:
        bench = Path("configs/benches/simulated.yaml")
        if not bench.is_file():
            raise complain(f"there is no {bench} here; name a simulated bench with --bench", USAGE)
    try:
        path, options = simulation.simulated_bench_of_files(bench, sweep)
    except (ConfigurationError, ValueError) as error:
        raise complain(error, USAGE) from error
    watch = _print_traffic if verbose else None
    try:
        server = BenchServer(options, host=host, port=port, terminals=not no_pty, watch=watch)
    except OSError as error:
        raise complain(f"cannot listen on {host}, port {port or 'any'}: {error}", FAILED) from error
    with closing(server), StopRequest().listening() as stop:
        serial = {entry.role: entry.serial for entry in server.ports if entry.serial}
        _write_port_bench(write_bench, path, {entry.role: entry.tcp for entry in server.ports})
        _write_port_bench(write_serial_bench, path, serial)
        _print_ports(server.ports, as_json)
        server.run(stop)


def _write_port_bench(file: Path | None, bench: Path, resources: dict[str, str]) -> None:
    from acquire.bench.simulated import bench_file_on_ports
    from acquire.run_file.placing import write_over

    if file is None:
        return
    if not resources:
        raise complain(f"{file} was not written: there are no serial pseudo-terminals", FAILED)
    try:
        write_over(file, bench_file_on_ports(bench, resources).encode())
    except OSError as error:
        raise complain(f"{file} cannot be written: {error}", FAILED) from error


def _print_ports(ports: tuple[Port, ...], as_json: bool) -> None:
    for port in ports:
        with whoever_listens(sys.stdout):
            if as_json:
                say_json({"role": port.role, "model": port.model, "tcp": port.tcp, "pty": port.serial})
            else:
                say(sys.stdout, f"{port.role:18}{port.model:15}{port.tcp:34}{port.serial or ''}")
    with whoever_listens(sys.stderr):
        say(sys.stderr, "serving; Ctrl-C ends it")


def _print_traffic(time: float, role: str, to_instrument: bool, data: bytes) -> None:
    text = data.decode("latin-1").encode("unicode_escape").decode("ascii")
    with whoever_listens(sys.stderr):
        say(sys.stderr, f"{time:10.4f} s  {role:18}{'>' if to_instrument else '<'} {text}")
