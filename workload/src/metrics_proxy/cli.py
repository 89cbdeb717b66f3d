# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The command line. Exit codes: 0 clean, 2 bad configuration, 3 could not start."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import resource
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from prometheus_client import disable_created_metrics

from metrics_proxy import __version__, config, logs
from metrics_proxy.config import SETTINGS, Config, ConfigError, Setting
from metrics_proxy.kubeconfig import AccessError, connect
from metrics_proxy.listing import as_json, as_table, list_entries
from metrics_proxy.server import Server, StartError
from metrics_proxy.wire import Trouble

BAD_CONFIGURATION = 2
COULD_NOT_START = 3

_DESCRIPTION = """\
One Prometheus target for all the pods that a label selector finds.

Without a command it serves: it watches the pods, and each GET /metrics scrapes all of them at
once and answers one merged exposition, with k8s_pod_name and k8s_namespace on every sample and
an up of 0 or 1 for each pod. The cluster is found as kubectl finds it: KUBECONFIG,
~/.kube/config, else the cluster this pod runs in."""

_EPILOG = """\
A pod is scraped while it is Running, has an IP address and the annotation
prometheus.io/scrape: "true"; prometheus.io/port (80), /path (/metrics) and /scheme (http)
say where.

  POD_LABEL_SELECTOR=app=web metrics-proxy            serve
  metrics-proxy targets --pod-label-selector app=web  what would be scraped, and what not, and why
  metrics-proxy demo                                  see it work, without a cluster"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    args = _parser().parse_args(argv)
    try:
        run: Callable[[argparse.Namespace], int] = args.run
        return run(args)
    except ConfigError as error:
        return _fail(str(error), BAD_CONFIGURATION)
    except AccessError as error:
        return _fail(f"metrics-proxy cannot start: {error}", BAD_CONFIGURATION)
    except StartError as error:
        return _fail(f"metrics-proxy cannot start: {error}", COULD_NOT_START)
    except KeyboardInterrupt:
        return 130


def _fail(message: str, code: int) -> int:
    print(message, file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="metrics-proxy",
        description=_DESCRIPTION,
        usage="metrics-proxy [serve|targets|check|demo] [SETTINGS]",
        epilog=_EPILOG,
        formatter_class=_HelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"metrics-proxy {__version__}")
    parser.set_defaults(run=_serve)
    _add_commands(parser.add_subparsers(title="commands", metavar="", prog="metrics-proxy"))
    _add_settings(parser)
    return parser


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Room for a setting and its text on one line."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=38, width=100)


def _add_commands(commands: Any) -> None:
    _add_command(commands, "serve", _serve, "serve (the same as no command)")
    _add_command(
        commands, "check", _check, "check the configuration, and ask nothing of the cluster"
    )
    targets = _add_command(
        commands, "targets", _targets, "list the selected pods once: the URL, or why it is skipped"
    )
    targets.add_argument(
        "--output", choices=("table", "json"), default="table", help="default: table"
    )
    demo = commands.add_parser(
        "demo",
        help="run on a stand-in for a cluster, with sample pods",
        description="Runs the proxy on a stand-in for a cluster, with sample pods, on loopback.",
        formatter_class=_HelpFormatter,
        allow_abbrev=False,
    )
    demo.add_argument("--port", type=int, default=15090, help="the proxy's port (default 15090)")
    demo.add_argument(
        "--seconds", type=float, default=None, help="stop after so many seconds (default never)"
    )
    demo.set_defaults(run=_demo)


def _add_command(
    commands: Any,
    name: str,
    run: Callable[[argparse.Namespace], int],
    text: str,
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        usage=f"metrics-proxy {name} [SETTINGS]",
        formatter_class=_HelpFormatter,
        allow_abbrev=False,
    )
    _add_settings(parser)
    parser.set_defaults(run=run)
    return parser


def _add_settings(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("settings, each a flag or an environment variable")
    for setting in SETTINGS:
        group.add_argument(
            setting.flag,
            dest=setting.name,
            metavar=setting.metavar,
            # A flag may stand before or after the command; the other place must not reset it.
            default=argparse.SUPPRESS,
            help=_help(setting),
        )


def _help(setting: Setting) -> str:
    ending = "required" if setting.required else f"default {setting.default}"
    notes = [setting.variable] + ([ending] if setting.required or setting.default else [])
    return f"{setting.help} [{', '.join(notes)}]"


def _load(args: argparse.Namespace, environ: Mapping[str, str] = os.environ) -> Config:
    loaded = config.load(vars(args), environ)
    logs.set_up(loaded.log_level, loaded.log_format)
    return loaded


def _serve(args: argparse.Namespace) -> int:
    loaded = _load(args)
    _prepare_process()

    async def serve() -> None:
        await Server(loaded, connect(os.environ)).run()

    _run(serve())
    return 0


def _check(args: argparse.Namespace) -> int:
    config.load(vars(args), os.environ)
    return 0


def _targets(args: argparse.Namespace) -> int:
    loaded = _load(args)

    async def find() -> str:
        entries = await list_entries(loaded, connect(os.environ))
        if not entries:
            where = ", ".join(loaded.namespaces) or "any namespace"
            print(f"no pod matches {loaded.pod_label_selector} in {where}", file=sys.stderr)
        return as_json(entries) if args.output == "json" else as_table(entries)

    try:
        print(_run(find()))
    except Trouble as trouble:
        return _fail(f"metrics-proxy cannot list the pods: {trouble}", COULD_NOT_START)
    return 0


def _demo(args: argparse.Namespace) -> int:
    # The demo brings its own stand-in for a cluster, which a serving proxy need not load.
    from metrics_proxy.demo.show import run_demo  # noqa: PLC0415

    _prepare_process()
    _run(run_demo(port=args.port, seconds=args.seconds))
    return 0


_T = TypeVar("_T")


def _run(main: Coroutine[Any, Any, _T]) -> _T:
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(main)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415
    except ImportError:
        return None
    return uvloop.new_event_loop


def _prepare_process() -> None:
    # Twice the series of every counter, for what process_start_time_seconds says as well.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    _raise_file_limit()


def _raise_file_limit() -> None:
    """Let every pod have its own connection: a soft limit of 1024 is common, and too low."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
