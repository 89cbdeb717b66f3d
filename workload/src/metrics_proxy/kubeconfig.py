# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Finds the cluster as kubectl does, and makes an authenticated HTTP client for it.

lightkube reads the credentials. What it cannot do with a kubeconfig, or would silently ignore,
is refused here with a sentence that says what to do instead.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import msgspec
import yaml
from lightkube.config.client_adapter import ConnectionParams, ExecAuth
from lightkube.config.kubeconfig import SERVICE_ACCOUNT, KubeConfig, SingleConfig
from lightkube.config.models import User
from lightkube.core.exceptions import ConfigError as LightkubeConfigError

from metrics_proxy.execplugin import ExecPlugin, PluginError

AUTH_ERRORS = (LightkubeConfigError, PluginError, OSError)
"""What a request may raise beside httpx2's errors: a token file or an exec plugin failed."""

_EXEC_VERSIONS = ("client.authentication.k8s.io/v1beta1", "client.authentication.k8s.io/v1alpha1")
_CLIENT_ERRORS = (LightkubeConfigError, httpx2.InvalidURL, OSError, ValueError, TypeError)
_Section = dict[str, Any]


class AccessError(Exception):
    """No way into a cluster was found; the message says what was looked at and what to do."""


def connect(environ: Mapping[str, str]) -> httpx2.AsyncClient:
    """Make a client for KUBECONFIG, else ~/.kube/config, else the cluster around this pod.

    Nothing is asked of the cluster yet. Raises AccessError.
    """
    path = _kubeconfig_path(environ)
    config = _in_cluster(environ) if path is None else _from_file(path)
    params = ConnectionParams(
        timeout=httpx2.Timeout(10.0, read=30.0), trust_env=not _is_loopback(config.cluster.server)
    )
    # Each scope's watch holds a connection, and there may be many scopes.
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=20)
    try:
        arguments = params.httpx_params(config)
        if config.user and config.user.exec and isinstance(arguments["auth"], ExecAuth):
            arguments["auth"] = ExecPlugin(config.user.exec)
        return httpx2.AsyncClient(**arguments, limits=limits)
    except ImportError as error:
        raise AccessError(f"the proxy that the environment names can't be used: {error}") from error
    except _CLIENT_ERRORS as error:
        raise AccessError(f"{path or SERVICE_ACCOUNT}: {_cause(error)}") from error


def _cause(error: Exception) -> str:
    if isinstance(error, OSError):
        named = f" {error.filename}" if error.filename else ""
        return f"the certificates{named} cannot be loaded: {error.strerror or error}"
    return str(error)


def _is_loopback(server: str) -> bool:
    # HTTPS_PROXY is for the way out; no proxy can reach this machine's own loopback for us.
    host = urlsplit(server).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _kubeconfig_path(environ: Mapping[str, str]) -> Path | None:
    if named := environ.get("KUBECONFIG"):
        return _one_of(named)
    home = environ.get("HOME")
    default = Path(home) / ".kube" / "config" if home else None
    return default if default is not None and _is_file(default) else None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        # Another user's folder, as HOME often is in a container.
        return False


def _expanded(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def _one_of(named: str) -> Path:
    paths = [_expanded(part) for part in named.split(os.pathsep) if part]
    found = [path for path in paths if _is_file(path)]
    if not found:
        raise AccessError(f"KUBECONFIG={named}: no such file, or none that may be read")
    if len(found) > 1:
        raise AccessError(
            f"KUBECONFIG={named} names {len(found)} files, and metrics-proxy reads one; "
            "make one of them with: kubectl config view --flatten --minify > kubeconfig"
        )
    return found[0]


def _in_cluster(environ: Mapping[str, str]) -> SingleConfig:
    missing = [
        name
        for name in ("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT")
        if not environ.get(name)
    ]
    if missing:
        raise AccessError(
            "no cluster to watch: KUBECONFIG is not set, ~/.kube/config does not exist, and this "
            f"is no pod of a cluster ({missing[0]} is not set); set KUBECONFIG to a kubeconfig file"
        )
    try:
        config = KubeConfig.from_service_account(SERVICE_ACCOUNT).get()
    except (LightkubeConfigError, OSError) as error:
        raise AccessError(
            f"this pod has no service account token ({error}); "
            "give it one with automountServiceAccountToken: true"
        ) from error
    assert config is not None  # noqa: S101  (from_service_account always sets a context)
    return config


def _from_file(path: Path) -> SingleConfig:
    try:
        return _single_config(_load(path), path)
    except AccessError as error:
        raise AccessError(f"kubeconfig {path}: {error}") from error


def _load(path: Path) -> _Section:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise AccessError(f"cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise AccessError("is no kubeconfig: it holds no mapping")
    return document


def _single_config(document: _Section, path: Path) -> SingleConfig:
    current = document.get("current-context")
    if not current:
        raise AccessError("no current-context; choose one with: kubectl config use-context NAME")
    context = _named(document, "context", current)
    cluster = _named(document, "cluster", context.get("cluster"))
    user = _named(document, "user", context["user"]) if context.get("user") else {}
    _check_cluster(cluster)
    _check_user(user, path)
    _check_files(cluster | user, path)
    user = _resolved(user, path)
    minimal = {
        "current-context": "one",
        "contexts": [{"name": "one", "context": {"cluster": "one"}}],
        "clusters": [{"name": "one", "cluster": cluster}],
    }
    return _converted(minimal, user, path)


def _check_files(fields: _Section, path: Path) -> None:
    for field in ("certificate-authority", "client-certificate", "client-key", "tokenFile"):
        if not fields.get(field):
            continue
        if not isinstance(fields[field], str):
            raise AccessError(f"{field} is {fields[field]!r}; it takes the path of a file")
        try:
            with (path.parent / fields[field]).open("rb"):
                pass
        except OSError as error:
            raise AccessError(
                f"{field} {fields[field]} cannot be read: {error.strerror}"
            ) from error


def _resolved(user: _Section, path: Path) -> _Section:
    """Kubectl resolves these against the kubeconfig's folder, lightkube does not."""
    if user.get("tokenFile"):
        user = {**user, "tokenFile": str(path.parent / user["tokenFile"])}
    plugin = user.get("exec")
    if plugin and os.sep in plugin["command"]:
        user = {**user, "exec": {**plugin, "command": _command(plugin, path)}}
    return user


def _command(plugin: _Section, path: Path) -> str:
    command = str(plugin["command"])
    return str(path.parent / command) if os.sep in command else command


def _converted(minimal: _Section, user: _Section, path: Path) -> SingleConfig:
    try:
        config = KubeConfig.from_dict(minimal, fname=path).get()
        assert config is not None  # noqa: S101  (the context is named two lines above)
        return config._replace(user=msgspec.convert(user, User))
    except (msgspec.ValidationError, TypeError, KeyError) as error:
        raise AccessError(f"is no valid kubeconfig: {error}") from error


def _named(document: _Section, kind: str, name: object) -> _Section:
    entries = document.get(f"{kind}s") or []
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and entry.get("name") == name:
            section = entry.get(kind) or {}
            if isinstance(section, dict):
                return section
    raise AccessError(f"the current context needs the {kind} {name!r}, which is not in the file")


def _check_cluster(cluster: _Section) -> None:
    if not _is_url(cluster.get("server")):
        raise AccessError(
            f"the cluster's server is {cluster.get('server')!r}; "
            "it takes a URL such as https://10.0.0.1:6443"
        )
    authority = {"certificate-authority", "certificate-authority-data"} & cluster.keys()
    if cluster.get("insecure-skip-tls-verify") and authority:
        raise AccessError(
            f"insecure-skip-tls-verify and {authority.pop()} exclude each other; remove one"
        )
    _refuse(cluster, "tls-server-name", "use a server name that is in the server's certificate")
    _refuse(cluster, "proxy-url", "set HTTPS_PROXY in the environment instead")


def _is_url(server: object) -> bool:
    try:
        parts = urlsplit(server) if isinstance(server, str) else None
    except ValueError:
        return False
    return parts is not None and parts.scheme in {"http", "https"} and bool(parts.hostname)


def _check_user(user: _Section, path: Path) -> None:
    _refuse(user, "auth-provider", "kubectl dropped it too: use exec, a token or a certificate")
    for field in ("as", "as-uid", "as-groups", "as-user-extra"):
        _refuse(user, field, "use credentials of the account itself")
    certificate = {"client-certificate", "client-certificate-data"} & user.keys()
    key = {"client-key", "client-key-data"} & user.keys()
    if bool(certificate) != bool(key):
        here, missing = ("certificate", "key") if certificate else ("key", "certificate")
        raise AccessError(f"the user has a client-{here} but no client-{missing}; it needs both")
    if user.get("exec"):
        _check_exec(user["exec"], path)


def _check_exec(plugin: object, path: Path) -> None:
    if not isinstance(plugin, dict) or not isinstance(plugin.get("command"), str):
        raise AccessError("the user's exec has no command")
    version = plugin.get("apiVersion")
    if version not in _EXEC_VERSIONS:
        raise AccessError(
            f"the user's exec plugin speaks {version}, metrics-proxy only {_EXEC_VERSIONS[0]}; "
            "set that apiVersion if the plugin knows it, or use the token of a service account: "
            "kubectl create token NAME"
        )
    _refuse(
        plugin, "provideClusterInfo", "use a service account's token: kubectl create token NAME"
    )
    if shutil.which(_command(plugin, path)) is None:
        raise AccessError(f"the user's exec plugin {plugin['command']} is not to be found")


def _refuse(section: _Section, field: str, instead: str) -> None:
    if section.get(field):
        raise AccessError(f"{field} is not supported; {instead}")
