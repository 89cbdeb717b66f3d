# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
import pytest

from metrics_proxy.pods import Deleted, Listed, Metadata, Pod, Status, Upserted
from metrics_proxy.targets import Skipped, SkipReason, Target, TargetTable, entry_of


def make_pod(
    name: str = "web-0",
    *,
    uid: str = "",
    namespace: str = "shop",
    ip: str = "10.0.0.1",
    phase: str = "Running",
    scrape: str | None = "true",
    **annotations: str,
) -> Pod:
    notes = {f"prometheus.io/{key}": value for key, value in annotations.items()}
    if scrape is not None:
        notes["prometheus.io/scrape"] = scrape
    return Pod(Metadata(name, namespace, uid or name, annotations=notes), Status(phase, ip))


@pytest.mark.parametrize(
    ("annotations", "url"),
    [
        ({}, "http://10.0.0.1:80/metrics"),
        ({"port": "15020"}, "http://10.0.0.1:15020/metrics"),
        ({"path": "/stats/prometheus"}, "http://10.0.0.1:80/stats/prometheus"),
        ({"path": "stats"}, "http://10.0.0.1:80/stats"),
        ({"path": "/federate?match[]={job=~'a b'}&x=%20"},
         "http://10.0.0.1:80/federate?match[]=%7Bjob=~'a%20b'%7D&x=%20"),
        ({"path": "/metrics#top"}, "http://10.0.0.1:80/metrics"),
        ({"path": "/a\r\nHost: evil"}, "http://10.0.0.1:80/a%0D%0AHost:%20evil"),
        ({"path": "/ä"}, "http://10.0.0.1:80/%C3%A4"),
        ({"path": "", "port": "", "scheme": ""}, "http://10.0.0.1:80/metrics"),
        ({"scheme": "https", "port": "8443"}, "https://10.0.0.1:8443/metrics"),
        ({"scheme": "HTTPS"}, "https://10.0.0.1:80/metrics"),
        ({"ip": "fd00::1"}, "http://[fd00::1]:80/metrics"),
    ],
)  # fmt: skip
def test_url(annotations: dict[str, str], url: str) -> None:
    ip = annotations.pop("ip", "10.0.0.1")
    entry = entry_of(make_pod(ip=ip, **annotations))
    assert entry == Target("web-0", "shop", "web-0", url)


@pytest.mark.parametrize(
    ("annotations", "fault"),
    [
        ({"port": port}, f'annotation prometheus.io/port is "{port}"; it takes a number from 1 to 65535')
        for port in ("abc", "0", "65536", "-1", "80 ", "٣", "8080,9090")
    ]
    + [({"scheme": "ftp"}, 'annotation prometheus.io/scheme is "ftp"; it takes "http" or "https"')],
)  # fmt: skip
def test_a_pod_that_asks_for_what_cannot_work_is_a_target_with_a_fault(
    annotations: dict[str, str], fault: str
) -> None:
    entry = entry_of(make_pod(**annotations))
    assert isinstance(entry, Target)
    assert entry.fault == fault


@pytest.mark.parametrize(
    ("pod", "reason", "detail"),
    [
        (make_pod(scrape=None), SkipReason.NOT_ANNOTATED, 'no annotation prometheus.io/scrape: "true"'),
        (make_pod(scrape="True"), SkipReason.NOT_ANNOTATED, 'is "True", not "true"'),
        (make_pod(phase="Pending"), SkipReason.NOT_RUNNING, "phase is Pending, not Running"),
        (make_pod(phase="Succeeded"), SkipReason.NOT_RUNNING, "phase is Succeeded, not Running"),
        (make_pod(phase=""), SkipReason.NOT_RUNNING, "phase is not set yet"),
        (make_pod(ip=""), SkipReason.NO_IP, "no IP address yet"),
    ],
)  # fmt: skip
def test_skipped(pod: Pod, reason: SkipReason, detail: str) -> None:
    entry = entry_of(pod)
    assert isinstance(entry, Skipped)
    assert entry.reason is reason
    assert detail in entry.detail


def names(table: TargetTable) -> list[str]:
    return [f"{entry.namespace}/{entry.name}" for entry in table.snapshot()]


def test_a_list_replaces_its_scope_and_no_other() -> None:
    table = TargetTable()
    table.apply(Listed("a", (make_pod("x", namespace="a"), make_pod("y", namespace="a"))))
    table.apply(Listed("b", (make_pod("z", namespace="b"),)))
    table.apply(Listed("a", (make_pod("y", namespace="a"),)))
    assert names(table) == ["a/y", "b/z"]


def test_pods_come_change_and_go_by_uid() -> None:
    table = TargetTable()
    table.apply(Upserted("", make_pod("x", uid="1", ip="10.0.0.1")))
    table.apply(Upserted("", make_pod("x", uid="2", ip="10.0.0.1")))
    assert [entry.uid for entry in table.snapshot()] == ["1", "2"]
    table.apply(Upserted("", make_pod("x", uid="2", ip="10.0.0.9")))
    table.apply(Deleted("", "1"))
    table.apply(Deleted("", "unknown"))
    (target,) = table.targets()
    assert target.url == "http://10.0.0.9:80/metrics"


def test_a_pod_leaves_the_targets_when_it_finishes_or_loses_its_annotation() -> None:
    table = TargetTable()
    table.apply(Listed("", (make_pod("job"), make_pod("web"))))
    table.apply(Upserted("", make_pod("job", phase="Succeeded")))
    table.apply(Upserted("", make_pod("web", scrape="false")))
    assert table.targets() == ()
    assert len(table.snapshot()) == 2


def test_a_snapshot_does_not_change_and_has_one_order() -> None:
    table = TargetTable()
    table.apply(
        Listed("", (make_pod("b"), make_pod("a"), make_pod("a", uid="9", namespace="first")))
    )
    before = table.snapshot()
    table.apply(Upserted("", make_pod("c")))
    assert [entry.name for entry in before] == ["a", "a", "b"]
    assert before[0].namespace == "first"
    assert names(table) == ["first/a", "shop/a", "shop/b", "shop/c"]
