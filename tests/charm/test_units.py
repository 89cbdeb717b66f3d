# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Several units: each its share, and no pod lost while their number changes."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ops import testing

import charm
import shares
from metrics_proxy.sharding import owner
from tests.charm import fakes
from tests.charm.conftest import Context
from tests.charm.fakes import ProxyApi, scope, unit

SERVES = {"serving": "true"}
PODS = [f"uid-{number}" for number in range(60)]


def name(number: int) -> str:
    return f"{fakes.APP}/{number}"


def names(*numbers: int) -> list[str]:
    return [name(number) for number in numbers]


def peers(
    *others: int, agreed: list[str] | None = None, own: bool = False, silent: tuple[int, ...] = ()
) -> testing.PeerRelation:
    """The peer relation: the other units that serve, those that don't yet, and the agreed list."""
    data: dict[int, dict[str, str]] = {number: dict(SERVES) for number in others}
    data |= {number: {} for number in silent}
    return testing.PeerRelation(
        "proxies",
        peers_data=data,
        local_unit_data=dict(SERVES) if own else {},
        local_app_data={} if agreed is None else {"agreed": json.dumps(agreed)},
    )


def out_of(state: testing.State) -> testing.PeerRelation:
    (relation,) = state.get_relations("proxies")
    assert isinstance(relation, testing.PeerRelation)
    return relation


def agreed_in(state: testing.State) -> list[str]:
    data: dict[str, str] = dict(out_of(state).local_app_data)
    return shares.decode(data.get("agreed", ""))


def share_in(state: testing.State) -> tuple[str, str]:
    variables = state.get_container("metrics-proxy").plan.services["metrics-proxy"].environment
    return variables["SHARD"], variables["TOTAL_SHARDS"]


def unit_context(number: int) -> Context:
    return testing.Context(charm.MetricsProxyCharm, app_name=fakes.APP, unit_id=number)


def test_one_unit_serves_everything(ctx: Context, api: ProxyApi) -> None:
    out = ctx.run(ctx.on.config_changed(), unit(relations=(peers(),)))
    assert share_in(out) == ("0", "1")
    assert agreed_in(out) == names(0)
    assert out_of(out).local_unit_data == SERVES


def test_a_unit_says_that_it_serves_only_when_it_does(ctx: Context, api: ProxyApi) -> None:
    api.says(scope("", "starting", listed=False))
    out = ctx.run(ctx.on.config_changed(), unit(relations=(peers(),), planned=3))
    assert out_of(out).local_unit_data == {}
    assert agreed_in(out) == []
    assert share_in(out) == ("0", "1")


def test_a_unit_that_restarts_stays_on_the_list(ctx: Context, silent: None) -> None:
    relation = peers(1, agreed=names(0, 1), own=True)
    out = ctx.run(ctx.on.config_changed(), unit(relations=(relation,), planned=2))
    assert agreed_in(out) == names(0, 1)
    assert share_in(out) == ("0", "2")


def test_the_leader_takes_its_own_new_share_at_once(ctx: Context, api: ProxyApi) -> None:
    relation = peers(1, own=True, agreed=names(0))
    state = unit(relations=(relation,), planned=2)
    out = ctx.run(ctx.on.relation_changed(relation, remote_unit=1), state)
    assert agreed_in(out) == names(0, 1)
    assert share_in(out) == ("0", "2")


@pytest.mark.parametrize(
    ("number", "agreed", "share"),
    [
        (1, [0, 1], ("1", "2")),
        (3, [0, 3], ("1", "2")),
        (2, [0, 1, 2], ("2", "3")),
        (2, [0, 1], ("0", "1")),
        (10, [0, 2, 10], ("2", "3")),
    ],
)
def test_a_unit_s_place_on_the_list_is_its_shard(
    ctx: Context, api: ProxyApi, number: int, agreed: list[int], share: tuple[str, str]
) -> None:
    other = unit_context(number)
    relation = peers(0, agreed=names(*agreed))
    state = unit(relations=(relation,), leader=False, planned=len(agreed))
    out = other.run(other.on.relation_changed(relation), state)
    assert share_in(out) == share
    assert agreed_in(out) == names(*agreed)


def test_a_departed_unit_leaves_the_list(ctx: Context, api: ProxyApi) -> None:
    relation = peers(1, agreed=names(0, 1, 2), own=True)
    state = unit(relations=(relation,), planned=2)
    out = ctx.run(ctx.on.relation_departed(relation, remote_unit=2, departing_unit=2), state)
    assert agreed_in(out) == names(0, 1)
    assert share_in(out) == ("0", "2")


def test_a_leader_that_departs_takes_itself_off_the_list(ctx: Context, api: ProxyApi) -> None:
    last = unit_context(2)
    relation = peers(1, agreed=names(0, 1, 2), own=True)
    state = unit(relations=(relation,), planned=2)
    out = last.run(last.on.relation_departed(relation, remote_unit=0, departing_unit=2), state)
    assert agreed_in(out) == names(0, 1)


def test_without_the_peer_relation_a_unit_serves_everything(ctx: Context, api: ProxyApi) -> None:
    assert share_in(ctx.run(ctx.on.config_changed(), unit(planned=3))) == ("0", "1")


@pytest.mark.parametrize(
    ("present", "serving", "planned", "agreed"),
    [
        ([0, 1, 2], [0, 1, 2], 3, [0, 1, 2]),
        ([2, 10, 0], [0, 2, 10], 3, [0, 2, 10]),  # by number, not by letter
        ([0, 3], [0, 3], 2, [0, 3]),  # a gap that stays
        ([0, 1, 2], [0, 2], 3, [0]),  # 1 would come between
        ([0, 2], [0, 2], 3, [0]),  # 1 may be about to come
        ([0, 1, 2], [0, 1, 2], 2, [0, 1]),  # 2 is about to go
        ([1, 2], [1, 2], 3, []),  # 0 may be about to come
        ([0], [], 1, []),
        ([0], [0], 0, []),  # the application is being removed
    ],
)
def test_the_agreed_list(
    present: list[int], serving: list[int], planned: int, agreed: list[int]
) -> None:
    found = shares.agree(names(*present), names(*serving), planned)
    assert found == names(*agreed)


@given(
    order=st.permutations(range(1, 5)),
    turns=st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=40),
)
@settings(max_examples=200, deadline=None)
def test_no_pod_is_lost_while_units_join_in_any_order(
    order: list[int], turns: list[tuple[int, bool]]
) -> None:
    """Units come one by one; each takes up what the leader last wrote at a time of its own."""
    present, serving = [0], [0]
    written = [shares.agree(names(0), names(0), 5)]
    known = {0: written[0]}
    newcomers = list(order)
    for number, serves in [*turns, *((n, True) for n in (1, 2, 3, 4) * 2)]:
        if number not in present:
            present.append(newcomers.pop(0))
        elif serves and number not in serving:
            serving.append(number)
            known[number] = written[-1]
        else:
            known[number] = written[-1]
        written.append(shares.agree(names(*present), names(*serving), 5))
        assert all(_served(pod, serving, known) for pod in PODS)


@given(agreed=st.sampled_from([[0, 1], [0, 3], [0, 1, 2, 3]]), data=st.data())
@settings(max_examples=100, deadline=None)
def test_no_pod_is_lost_while_units_that_are_cut_off_are_still_there(
    agreed: list[int], data: st.DataObject
) -> None:
    fewer = data.draw(st.integers(1, len(agreed)))
    old, new = names(*agreed), shares.agree(names(*agreed), names(*agreed), fewer)
    known = {number: data.draw(st.sampled_from([old, new])) for number in agreed}
    assert all(_served(pod, agreed, known) for pod in PODS)


def _served(pod: str, serving: list[int], known: dict[int, list[str]]) -> bool:
    units = [shares.share_of(name(number), known[number]) for number in serving if number in known]
    return any(owner(pod, share.total) == share.index for share in units)


def test_scaling_moves_only_the_pods_that_must_move() -> None:
    lists = [names(*range(total)) for total in (1, 3, 2)]
    owners = [{pod: agreed[owner(pod, len(agreed))] for pod in PODS} for agreed in lists]
    for (before, after), (old, new) in zip(pairwise(lists), pairwise(owners), strict=True):
        moved = [pod for pod in PODS if old[pod] != new[pod]]
        assert moved
        for pod in moved:
            assert old[pod] not in after or new[pod] not in before
