# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from metrics_proxy.pods import Listed, Upserted
from metrics_proxy.sharding import Shard, owner
from metrics_proxy.targets import TargetTable
from tests.workload.test_targets import make_pod

UIDS = [f"5f0c9d6e-0000-4000-8000-{number:012d}" for number in range(3000)]


@given(st.text(max_size=40), st.integers(1, 20))
def test_every_pod_has_exactly_one_shard(uid: str, total: int) -> None:
    assert [Shard(index, total).owns(uid) for index in range(total)].count(True) == 1


def test_with_one_shard_nothing_changes() -> None:
    assert all(Shard().owns(uid) for uid in UIDS)


def test_the_shares_are_about_equal() -> None:
    shares = Counter(owner(uid, 3) for uid in UIDS)
    assert all(900 < share < 1100 for share in shares.values())


def test_a_third_shard_takes_its_share_and_moves_nothing_else() -> None:
    moved = [(owner(uid, 2), owner(uid, 3)) for uid in UIDS if owner(uid, 2) != owner(uid, 3)]
    assert {after for _, after in moved} == {2}
    assert 900 < len(moved) < 1100


def test_a_shard_that_goes_moves_only_its_own_pods() -> None:
    for uid in UIDS:
        if owner(uid, 3) != 2:
            assert owner(uid, 2) == owner(uid, 3)


def test_the_owner_is_the_same_in_every_process_and_release() -> None:
    assert [owner(uid, 5) for uid in UIDS[:12]] == [1, 2, 3, 2, 4, 2, 3, 2, 1, 1, 1, 1]


def test_the_table_keeps_the_pods_of_its_shard() -> None:
    tables = [TargetTable(Shard(index, 3)) for index in range(3)]
    pods = tuple(make_pod(f"web-{number}", uid=uid) for number, uid in enumerate(UIDS[:30]))
    for table in tables:
        table.apply(Listed("", pods[:20]))
        for pod in pods[20:]:
            table.apply(Upserted("", pod))
    kept = sorted(entry.uid for table in tables for entry in table.snapshot())
    assert kept == sorted(UIDS[:30])
