# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Layouts, made of what the strict parser read once all the types of the body are known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, groupby
from weakref import WeakValueDictionary

from metrics_proxy.exposition.layout import Layout, Shape, Splice
from metrics_proxy.exposition.metadata import Metadata
from metrics_proxy.exposition.model import Family, Lines, MetricType, family_of
from metrics_proxy.exposition.up import make_way_for_up


@dataclass(slots=True)
class Run:
    """Lines that follow each other: comments, then samples of one name or a whole shape.

    ``metadata`` holds one entry per comment.
    """

    name: str = ""
    comments: list[bytes] = field(default_factory=list)
    metadata: list[Metadata | None] = field(default_factory=list)
    splices: list[Splice] = field(default_factory=list)
    shape: Shape | None = None

    def prefixes(self) -> Iterator[bytes]:
        """Its lines, if it has no shape."""
        return chain(self.comments, (splice.prefix for splice in self.splices))

    def parts(self) -> Iterator[Run]:
        """The same lines as runs without a shape."""
        if self.shape is None:
            yield self
            return
        part = Run("", [*self.comments], [*self.metadata])
        splices, metadata = self.shape.splices(), iter(self.shape.metadata)
        for prefix in self.shape.prefixes:
            splice = None if prefix.endswith(b"\n") else next(splices)
            if part.splices and (splice is None or splice.name != part.name):
                yield part
                part = Run()
            if splice is None:
                part.comments.append(prefix)
                part.metadata.append(next(metadata))
            else:
                part.name = splice.name
                part.splices.append(splice)
        yield part


class Shapes:
    """The shapes and layouts that readers have, so that replicas share theirs.

    Nothing in it names a pod. What no reader has any more is forgotten.
    """

    __slots__ = ("_layouts", "_shapes", "by_first")

    def __init__(self) -> None:
        self.by_first = WeakValueDictionary[bytes, Shape]()
        self._shapes = WeakValueDictionary[tuple[Family, Lines], Shape]()
        self._layouts = WeakValueDictionary[tuple[tuple[Shape, ...], Lines], Layout]()

    def layout(self, shapes: tuple[Shape, ...], rest: Lines) -> Layout:
        """The layout of these shapes and the comments after them."""
        key = (shapes, rest)
        layout = self._layouts.get(key)
        if layout is None:
            layout = self._layouts[key] = Layout(shapes, rest)
        return layout

    def get(self, family: Family, prefixes: Lines) -> Shape | None:
        """The shape of these lines, if one is in use."""
        return self._shapes.get((family, prefixes))

    def add(self, shape: Shape) -> None:
        """Share a new shape."""
        self._shapes[shape.family, shape.prefixes] = shape
        if shape.is_reusable:
            self.by_first[shape.prefixes[0]] = shape


class _Homes(dict[str, str]):
    """The names of the families that samples belong to, by the samples' names."""

    def __init__(self, types: Mapping[str, MetricType]) -> None:
        super().__init__()
        self._types = types

    def __missing__(self, name: str) -> str:
        self[name] = home = family_of(name, self._types)
        return home


class Assembly:
    """Makes a layout of runs."""

    def __init__(
        self, types: Mapping[str, MetricType], helps: Mapping[str, str], shapes: Shapes
    ) -> None:
        self._types = types
        self._helps = helps
        self._shapes = shapes

    def layout(self, runs: Iterable[Run], rest: Lines) -> Layout:
        """Gather the runs in shapes, in the body's order; then families without samples."""
        home = _Homes(self._types)
        whole = [part for run in runs for part in _undivided(run, home)]
        families = self._families([home[run.name] for run in whole])
        make_way_for_up(families)
        shapes = [
            self._shape(name, families[name], list(group))
            for name, group in groupby(whole, lambda run: home[run.name])
        ]
        bare = families.keys() - home.values()
        shapes += [self._shape(name, families[name], []) for name in families if name in bare]
        return self._shapes.layout(tuple(shapes), rest)

    def _families(self, homes: Iterable[str]) -> dict[str, Family]:
        """The families by their names in the body.

        A HELP for a name that is not a family's, but one of its samples', is dropped.
        """
        types, helps = self._types, self._helps
        names = dict.fromkeys(homes)
        names |= dict.fromkeys(name for name in (*types, *helps) if family_of(name, types) == name)
        return {name: Family(name, types.get(name), helps.get(name)) for name in names}

    def _shape(self, name: str, family: Family, runs: list[Run]) -> Shape:
        if len(runs) == 1 and not runs[0].comments:
            shape = runs[0].shape
            if shape is not None and shape.family == family:
                return shape
        parts = [part for run in runs for part in run.parts()]
        prefixes = tuple(chain.from_iterable(part.prefixes() for part in parts))
        shape = self._shapes.get(family, prefixes)
        if shape is None:
            renamed = family.name.removesuffix(name).encode()
            metadata = [one for part in parts for one in part.metadata]
            splices = [_renamed(splice, renamed) for part in parts for splice in part.splices]
            shape = Shape(family, prefixes, metadata, splices)
            self._shapes.add(shape)
        return shape


def _undivided(run: Run, home: Mapping[str, str]) -> Iterable[Run]:
    """The run, or parts of it if its shape's samples are no longer of one family."""
    if run.shape is None or len({home[name] for name in set(run.shape.names)}) == 1:
        return [run]
    return run.parts()


def _renamed(splice: Splice, prefix: bytes) -> Splice:
    """The series with something before its name in the answer: of use to this family alone."""
    # A head starts with its sample's name, since only names that must be are quoted.
    return splice._replace(head=prefix + splice.head, is_odd=True) if prefix else splice
