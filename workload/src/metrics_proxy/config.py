# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The configuration: every setting, from its flag or its environment variable."""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from metrics_proxy import logs
from metrics_proxy.selector import Selector, SelectorError, parse_selector
from metrics_proxy.units import parse_duration, parse_size

_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_HOST = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9.]*[A-Za-z0-9])?")
_FAULTS_HEADING = "metrics-proxy cannot start, its configuration is wrong:"


class ConfigError(Exception):
    """The configuration is wrong. ``faults`` holds a sentence for each fault; ``str`` has all."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join([_FAULTS_HEADING, *(f"  {fault}" for fault in faults)]))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Config:
    """What the proxy was told. Durations are in seconds, sizes in bytes.

    ``host`` "" means every interface; ``namespaces`` () means the whole cluster. This proxy
    scrapes the pods of ``shard`` (from 0) out of ``total_shards``.
    """

    pod_label_selector: Selector
    scrape_timeout: float = 9.0
    port: int = 15090
    host: str = ""
    namespaces: tuple[str, ...] = ()
    max_body_size: int = 64 * 2**20
    scrape_ca_file: str = ""
    scrape_insecure_skip_verify: bool = False
    shard: int = 0
    total_shards: int = 1
    log_level: str = "info"
    log_format: str = "logfmt"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: how it is spelled, read, shown by ``--help`` and mended when wrong."""

    name: str
    parse: Callable[[str], Any]
    default: str
    example: str
    metavar: str
    help: str
    required: bool = False

    @property
    def variable(self) -> str:
        """The environment variable."""
        return self.name.upper()

    @property
    def flag(self) -> str:
        """The command-line flag."""
        return "--" + self.name.replace("_", "-")


def _parse_selector(text: str) -> Selector:
    try:
        return parse_selector(text)
    except SelectorError as error:
        raise ValueError(f"is not a label selector: {error}") from error


def _parse_port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:
        raise ValueError("is not a port number from 1 to 65535 (0 lets the system choose)")
    return int(text)


def _parse_shard(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text):
        raise ValueError("is not a whole number from 0")
    return int(text)


def _parse_total_shards(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text) or int(text) == 0:
        raise ValueError("is not a whole number from 1")
    return int(text)


def _parse_host(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.removeprefix("[").removesuffix("]")))
    except ValueError:
        if _HOST.fullmatch(text):
            return text
        raise ValueError("is neither an IP address nor a host name") from None


def _parse_namespaces(text: str) -> tuple[str, ...]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise ValueError("names no namespace")
    for name in names:
        if not _LABEL.fullmatch(name):
            raise ValueError(
                f'names "{name}", which is no namespace: at most 63 of a-z, 0-9 and "-", '
                "beginning and ending with a letter or digit"
            )
    return tuple(dict.fromkeys(names))


def _parse_ca_file(text: str) -> str:
    try:
        ssl.create_default_context(cafile=text)
    except ssl.SSLError:
        raise ValueError("holds no certificate in PEM form") from None
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from error
    return text


def _parse_bool(text: str) -> bool:
    lowered = text.lower()
    if lowered not in {"true", "false", "1", "0"}:
        raise ValueError("is neither true nor false")
    return lowered in {"true", "1"}


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError(f"is none of {', '.join(choices)}")
        return text.lower()

    return parse


SETTINGS = (
    Setting(
        "pod_label_selector", _parse_selector, "", "app=ztunnel", "SELECTOR",
        "the pods to watch, as a Kubernetes label selector", required=True,
    ),
    Setting(
        "scrape_timeout", parse_duration, "9s", "9s", "DURATION",
        "the longest a scrape waits for its pods; Prometheus' own timeout shortens it",
    ),
    Setting("port", _parse_port, "15090", "15090", "PORT", "the port to serve on"),
    Setting(
        "host", _parse_host, "", "127.0.0.1", "HOST",
        "the address to serve on (default every interface, IPv4 and IPv6)",
    ),
    Setting(
        "namespaces", _parse_namespaces, "", "shop,istio-system", "NAMES",
        "the namespaces to watch, separated by commas (default all)",
    ),
    Setting(
        "max_body_size", parse_size, "64MiB", "64MiB", "SIZE",
        "the largest answer taken from one pod, compressed or not",
    ),
    Setting(
        "scrape_ca_file", _parse_ca_file, "", "/etc/ssl/pods-ca.pem", "FILE",
        "the certificate authorities that https pods are checked against (default the system's)",
    ),
    Setting(
        "scrape_insecure_skip_verify", _parse_bool, "false", "true", "BOOL",
        "true: do not check the certificates of https pods",
    ),
    Setting(
        "shard", _parse_shard, "0", "0", "N",
        "which share of the pods is this proxy's, counted from 0",
    ),
    Setting(
        "total_shards", _parse_total_shards, "1", "3", "N",
        "how many proxies share the pods, each scraping those of its own shard",
    ),
    Setting(
        "log_level", _one_of(*logs.LEVELS), "info", "info", "LEVEL", ", ".join(logs.LEVELS)
    ),
    Setting(
        "log_format", _one_of(*logs.FORMATS), "logfmt", "json", "FORMAT", " or ".join(logs.FORMATS)
    ),
)  # fmt: skip
"""Every setting, in the order in which ``--help`` and the README list them."""


def load(flags: Mapping[str, str | None], environ: Mapping[str, str]) -> Config:
    """Read the configuration; a flag wins over its variable, an empty text leaves the default.

    Raises ConfigError with every fault, not just the first.
    """
    values: dict[str, Any] = {}
    faults: list[str] = []
    for setting in SETTINGS:
        spelling, text = _given(setting, flags, environ)
        try:
            if text or setting.required:
                values[setting.name] = _parsed(setting, text)
        except ValueError as error:
            faults.append(f"{spelling.wrong(text)} {error}; for example {spelling.right()}")
    if faults:
        raise ConfigError(faults)
    loaded = Config(**values)
    if loaded.shard >= loaded.total_shards:
        raise ConfigError([_beyond_the_last_shard(loaded)])
    return loaded


def _beyond_the_last_shard(loaded: Config) -> str:
    last = loaded.total_shards - 1
    return (
        f"SHARD {loaded.shard} is beyond the last of TOTAL_SHARDS {loaded.total_shards}; "
        f"it takes a number from 0 to {last}"
    )


@dataclass(frozen=True, slots=True)
class _Spelling:
    """How a setting was given, which is how its fault is best told."""

    setting: Setting
    as_flag: bool

    def wrong(self, text: str) -> str:
        if not text:
            return f"{self.setting.variable} (or {self.setting.flag})"
        return (
            f'{self.setting.flag} "{text}"' if self.as_flag else f'{self.setting.variable}="{text}"'
        )

    def right(self) -> str:
        name = f"{self.setting.flag} " if self.as_flag else f"{self.setting.variable}="
        return f"{name}{self.setting.example}"


def _given(
    setting: Setting, flags: Mapping[str, str | None], environ: Mapping[str, str]
) -> tuple[_Spelling, str]:
    flag = flags.get(setting.name)
    text = environ.get(setting.variable, "") if flag is None else flag
    return _Spelling(setting, as_flag=flag is not None), text.strip()


def _parsed(setting: Setting, text: str) -> object:
    if not text:
        raise ValueError("is required")
    return setting.parse(text)
