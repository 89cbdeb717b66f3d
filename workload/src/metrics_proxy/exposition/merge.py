# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""One exposition of many, such that no parser refuses all for what one pod says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from metrics_proxy.exposition.model import (
    Exposition,
    Family,
    Merged,
    MergedFamily,
    MetricType,
    TypeConflict,
    family_of,
    owner_of,
)
from metrics_proxy.exposition.series import read_series
from metrics_proxy.exposition.typed import DEMANDING, misfit
from metrics_proxy.exposition.value import read_tail


def merge(expositions: Sequence[Exposition]) -> Merged:
    """Put the samples of each family together, pods in the order given.

    The first TYPE and the first HELP of a family win. Samples of pods that disagree stay where
    their names are legal for the type that won, else become part of the family that has their name.
    Samples of a family without TYPE join the histogram or summary that owns their name.
    """
    # By identity, since replicas share their families: one look at each, and no hashing after.
    families = {id(family): family for one in expositions for family in one.families}
    merger = _Merger(families)
    for exposition in expositions:
        merger.add(exposition)
    return merger.merged()


def _first_types(families: Iterable[Family]) -> dict[str, MetricType]:
    types: dict[str, MetricType] = {}
    for family in families:
        if family.type is not None:
            types.setdefault(family.name, family.type)
    return types


def _runs(block: bytes) -> Iterator[tuple[str, list[str]]]:
    """The lines that follow each other under one sample name: (name, lines without newline)."""
    lines = block.decode().split("\n")[:-1]
    for name, run in groupby(lines, lambda line: read_series(line).name):
        yield name, list(run)


@dataclass(slots=True)
class _Tally:
    """What one family's conflict came to; ``refused`` is a dict for the order of its keys."""

    refused: dict[MetricType, None]
    moved: int = 0
    dropped: int = 0


class _Merger:
    def __init__(self, families: Mapping[int, Family]) -> None:
        self._types = types = _first_types(families.values())
        self._families: dict[str, MergedFamily] = {}
        self._tallies: dict[str, _Tally] = {}
        # Families that own the name of a family that is itself choosy, as in `_split`.
        self._shadowed = {
            owner_of(name, types) for name, kind in types.items() if kind in DEMANDING
        }
        # Where the samples go of those families that nobody disagrees with, by their identity.
        self._agreed: dict[int, list[bytes]] = {}
        for key, family in families.items():
            self._prepare(key, family)

    def _prepare(self, key: int, family: Family) -> None:
        if family_of(family.name, self._types) == family.name:
            merged = self._family(family.name)
            merged.help = merged.help or family.help
            if family.type is self._types.get(family.name) and family.name not in self._shadowed:
                self._agreed[key] = merged.blocks

    def add(self, exposition: Exposition) -> None:
        agreed = self._agreed
        for family, block in zip(exposition.families, exposition.blocks, strict=True):
            blocks = agreed.get(id(family))
            if blocks is None:
                self._add_disputed(family, block)
            else:
                blocks.append(block)

    def _add_disputed(self, family: Family, block: bytes) -> None:
        self._note_type(family)
        for sample, lines in _runs(block):
            self._place(family, sample, lines)

    def merged(self) -> Merged:
        """All families, sorted by name but for a family that must be before its name's owner."""
        names = sorted(self._families, key=lambda name: _place_of(name, self._types))
        conflicts = (
            TypeConflict(name, self._types[name], tuple(tally.refused), tally.moved, tally.dropped)
            for name, tally in sorted(self._tallies.items())
        )
        return Merged(tuple(self._families[name] for name in names), tuple(conflicts))

    def _family(self, name: str) -> MergedFamily:
        family = self._families.get(name)
        if family is None:
            family = MergedFamily(name, self._types.get(name, MetricType.UNTYPED))
            self._families[name] = family
        return family

    def _note_type(self, family: Family) -> None:
        if family.type is not None and family.type is not self._types[family.name]:
            self._tally(family.name).refused[family.type] = None

    def _tally(self, name: str) -> _Tally:
        return self._tallies.setdefault(name, _Tally({}))

    def _place(self, family: Family, sample: str, lines: list[str]) -> None:
        """Put lines in the first family that may have them: the pod's own, or their name's."""
        rest = lines
        for home in self._homes(family, sample):
            taken, rest = self._split(home, sample, rest)
            if taken:
                self._family(home).blocks.append("".join(f"{line}\n" for line in taken).encode())
                if home != family.name and family.type is not None:
                    self._tally(family.name).moved += len(taken)
            if not rest:
                return
        self._tally(sample).dropped += len(rest)

    def _homes(self, family: Family, sample: str) -> dict[str, None]:
        """The families where a sample of ``family`` can be, as keys, the best first."""
        homes = [family_of(sample, self._types), sample]
        if family.type is not None and owner_of(sample, self._types) == family.name:
            homes.insert(0, family.name)
        return dict.fromkeys(homes)

    def _split(self, home: str, sample: str, lines: list[str]) -> tuple[list[str], list[str]]:
        """The lines that expfmt takes as samples of ``home``, and those it doesn't.

        It looks a sample up by its whole name first, so a histogram's `a_count` must also fit a
        family `a_count` that another pod has.
        """
        demands = {
            name: kind for name in (home, sample) if (kind := self._types.get(name)) in DEMANDING
        }
        if not demands:
            return lines, []
        taken: list[str] = []
        rest: list[str] = []
        for line in lines:
            (taken if _fits(line, demands) else rest).append(line)
        return taken, rest


def _fits(line: str, demands: Mapping[str, MetricType]) -> bool:
    series = read_series(line)
    value = read_tail(line[series.end :])[1]
    return all(misfit(series, value, name, kind) is None for name, kind in demands.items())


def _place_of(name: str, types: Mapping[str, MetricType]) -> tuple[str, int, str]:
    """The key to sort families by.

    After a histogram `a` expfmt takes `# TYPE a_count counter` for a second TYPE of `a`, and
    refuses it; the other way round is fine. So what carries a suffix of a family precedes it.
    """
    root = name
    while (owner := owner_of(root, types)) is not None:
        root = owner
    return root, -len(name), name
