# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""What kubectl would do, or a sentence that says why not: never a traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from metrics_proxy import kubeconfig
from metrics_proxy.kubeconfig import AccessError, connect

SERVER = "https://127.0.0.1:6443"
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(
        cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None, **top: Any
    ) -> Path:
        document: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [
                {"name": "c", "cluster": {"server": SERVER} if cluster is None else cluster}
            ],
            "users": [{"name": "u", "user": {"token": "t"} if user is None else user}],
        }
        path = tmp_path / "kubeconfig"
        path.write_text(yaml.safe_dump(document | top))
        return path

    return write


def refusal(environ: dict[str, str]) -> str:
    with pytest.raises(AccessError) as caught:
        connect(environ)
    return str(caught.value)


async def server_of(environ: dict[str, str]) -> str:
    async with connect(environ) as client:
        return str(client.base_url)


async def test_kubeconfig_wins_over_home_and_pod(write: Write, tmp_path: Path) -> None:
    environ = {
        "KUBECONFIG": str(write()),
        "HOME": "/nowhere",
        "KUBERNETES_SERVICE_HOST": "10.0.0.1",
    }
    assert await server_of(environ) == SERVER


async def test_home_is_used_where_kubeconfig_is_empty(write: Write, tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    write().rename(tmp_path / ".kube" / "config")
    assert await server_of({"KUBECONFIG": "", "HOME": str(tmp_path)}) == SERVER


async def test_in_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("secret")
    (tmp_path / "namespace").write_text("here")
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.crt")
    monkeypatch.setattr(kubeconfig, "SERVICE_ACCOUNT", str(tmp_path))
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    server = await server_of(environ | {"HOME": str(tmp_path)})
    assert server.removesuffix("/") == "https://[fd00::1]"


async def test_of_several_files_the_one_that_exists(write: Write) -> None:
    assert await server_of({"KUBECONFIG": f"/nowhere:{write()}"}) == SERVER


async def test_no_user_is_anonymous(write: Write) -> None:
    contexts = [{"name": "here", "context": {"cluster": "c"}}]
    environ = {"KUBECONFIG": str(write(contexts=contexts, users=None))}
    assert await server_of(environ) == SERVER


async def test_a_relative_token_file_is_found_beside_the_kubeconfig(
    write: Write, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("secret")
    async with connect({"KUBECONFIG": str(write(user={"tokenFile": "token"}))}) as client:
        request = client.build_request("GET", "/api/v1/pods")
        assert client.auth is not None
        assert next(client.auth.sync_auth_flow(request)).headers["Authorization"] == "Bearer secret"


def test_no_cluster_at_all(tmp_path: Path) -> None:
    message = refusal({"HOME": str(tmp_path)})
    assert "KUBECONFIG is not set" in message
    assert "KUBERNETES_SERVICE_HOST is not set" in message


def test_a_pod_without_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubeconfig, "SERVICE_ACCOUNT", str(tmp_path))
    environ = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    assert "automountServiceAccountToken" in refusal(environ | {"HOME": str(tmp_path)})


def test_a_file_that_is_not_there() -> None:
    for named in ("/nowhere/config", "~nobody-of-that-name/config"):
        message = refusal({"KUBECONFIG": named})
        assert message == f"KUBECONFIG={named}: no such file, or none that may be read"


def test_several_files(write: Write, tmp_path: Path) -> None:
    first = write().rename(tmp_path / "first")
    assert "names 2 files, and metrics-proxy reads one" in refusal(
        {"KUBECONFIG": f"{first}:{write()}"}
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "cannot be read"), ("- a", "is no kubeconfig"), ("", "is no kubeconfig")],
)
def test_what_is_no_kubeconfig(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(text)
    assert message in refusal({"KUBECONFIG": str(path)})


@pytest.mark.parametrize(
    ("top", "message"),
    [
        ({"current-context": ""}, "no current-context"),
        ({"current-context": "there"}, "needs the context 'there', which is not in the file"),
        ({"clusters": None}, "needs the cluster 'c', which is not in the file"),
        ({"users": None}, "needs the user 'u', which is not in the file"),
        ({"users": [{"name": "other", "user": {}}]}, "needs the user 'u'"),
        ({"contexts": "text"}, "needs the context 'here'"),
    ],
)
def test_what_the_context_needs(top: dict[str, Any], message: str, write: Write) -> None:
    assert message in refusal({"KUBECONFIG": str(write(**top))})


@pytest.mark.parametrize(
    ("cluster", "message"),
    [
        ({"server": ""}, "the cluster's server is ''; it takes a URL"),
        ({"server": "10.0.0.1:6443"}, "server is '10.0.0.1:6443'; it takes a URL"),
        ({"server": "https://[::1"}, "it takes a URL"),
        ({"server": SERVER, "tls-server-name": "x"}, "tls-server-name is not supported"),
        ({"server": SERVER, "proxy-url": "http://x"}, "proxy-url is not supported"),
        (
            {"server": SERVER, "insecure-skip-tls-verify": True, "certificate-authority": "ca"},
            "insecure-skip-tls-verify and certificate-authority exclude each other",
        ),
        (
            {"server": SERVER, "certificate-authority": "nowhere.pem"},
            "certificate-authority nowhere.pem cannot be read: No such file or directory",
        ),
        (
            {"server": SERVER, "certificate-authority": "kubeconfig"},
            "certificates cannot be loaded",
        ),
        ({"server": 5}, "the cluster's server is 5"),
        ({"server": SERVER, "insecure-skip-tls-verify": "no"}, "is no valid kubeconfig"),
    ],
)
def test_clusters_refused(cluster: dict[str, Any], message: str, write: Write) -> None:
    assert message in refusal({"KUBECONFIG": str(write(cluster=cluster))})


PLUGIN = {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "true"}


@pytest.mark.parametrize(
    ("user", "message"),
    [
        ({"auth-provider": {"name": "gcp"}}, "auth-provider is not supported"),
        ({"client-certificate-data": "YQ=="}, "has a client-certificate but no client-key"),
        ({"client-key": "key.pem"}, "has a client-key but no client-certificate"),
        ({"token": "t", "as": "root"}, "as is not supported"),
        ({"tokenFile": 5}, "tokenFile is 5; it takes the path of a file"),
        ({"tokenFile": "nowhere"}, "tokenFile nowhere cannot be read: No such file or directory"),
        ({"exec": PLUGIN | {"command": 5}}, "exec has no command"),
        ({"exec": {"apiVersion": PLUGIN["apiVersion"]}}, "exec has no command"),
        (
            {"exec": PLUGIN | {"apiVersion": "client.authentication.k8s.io/v1"}},
            "speaks client.authentication.k8s.io/v1, metrics-proxy only client.authentication.k8s.io/v1beta1",
        ),
        ({"exec": PLUGIN | {"command": "no-such-plugin"}}, "no-such-plugin is not to be found"),
        ({"exec": PLUGIN | {"provideClusterInfo": True}}, "provideClusterInfo is not supported"),
    ],
)
def test_users_refused(user: dict[str, Any], message: str, write: Write) -> None:
    assert message in refusal({"KUBECONFIG": str(write(user=user))})


async def test_an_exec_plugin_that_lightkube_speaks(write: Write) -> None:
    assert await server_of({"KUBECONFIG": str(write(user={"exec": PLUGIN}))}) == SERVER


async def test_a_plugin_beside_the_kubeconfig(write: Write, tmp_path: Path) -> None:
    plugin = tmp_path / "plugin"
    plugin.write_text("#!/bin/sh\n")
    plugin.chmod(0o755)
    kubeconfig = write(user={"exec": PLUGIN | {"command": "./plugin"}})
    assert await server_of({"KUBECONFIG": str(kubeconfig)}) == SERVER


def test_a_home_of_another_user_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(self: Path, **_: object) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", denied)
    assert "no cluster to watch" in refusal({"HOME": "/root"})
    assert "no cluster to watch" in refusal({})


def test_a_proxy_of_a_kind_that_is_not_supported(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    server = {"server": "https://10.0.0.1:6443"}
    assert "the proxy that the environment names" in refusal(
        {"KUBECONFIG": str(write(cluster=server))}
    )


async def test_insecure_without_a_ca(write: Write) -> None:
    cluster = {"server": SERVER, "insecure-skip-tls-verify": True}
    assert await server_of({"KUBECONFIG": str(write(cluster=cluster))}) == SERVER
