# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""What stays the same between two bodies of a pod, and the proof that a body differs in no more.

A sample's line is a prefix (series and blanks) and a tail (value, timestamp, newline). A comment is
all prefix. Who has the same prefixes in the same order, and tails that can be nothing else, says
the same of all but the values; so the strict parser need not read it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from itertools import accumulate, chain, pairwise
from typing import NamedTuple

from metrics_proxy.exposition.metadata import Metadata
from metrics_proxy.exposition.model import Exposition, Family, Lines, MetricType
from metrics_proxy.exposition.value import plain_tails, signed_tails

# No line goes on after its newline, so that this is the prefix of none.
_NO_LINE = (b"\n\n",)
_SEPARATORS = (b" ", b"\t", b"}")


class Splice(NamedTuple):
    """A series: its sample's name, its text up to the pod's labels, and its prefix in the body.

    An odd one may be illegal if its family's type is another.
    """

    name: str
    head: bytes
    prefix: bytes
    is_odd: bool = False


class Shape:
    """Lines that follow each other, their samples all of one family. Replicas share them.

    ``prefixes`` has all lines, ``metadata`` the comments, ``names`` and ``heads`` the samples.
    """

    __slots__ = (
        "__weakref__",
        "family",
        "heads",
        "is_reusable",
        "is_sound",
        "metadata",
        "names",
        "prefixes",
        "size",
    )

    def __init__(
        self,
        family: Family,
        prefixes: Lines,
        metadata: Iterable[Metadata | None],
        splices: Sequence[Splice],
    ) -> None:
        self.family = family
        self.prefixes = prefixes
        self.metadata = tuple(metadata)
        self.names = tuple(splice.name for splice in splices)
        self.heads = tuple(splice.head for splice in splices)
        self.size = sum(map(len, prefixes))
        # Of `a+1` the prefix is `a`, but `a1 2` is no sample of `a`.
        self.is_sound = all(splice.prefix.endswith(_SEPARATORS) for splice in splices)
        self.is_reusable = bool(splices) and self.is_sound and not any(s.is_odd for s in splices)

    def splices(self) -> Iterator[Splice]:
        """The samples."""
        samples = (prefix for prefix in self.prefixes if not prefix.endswith(b"\n"))
        return map(Splice, self.names, self.heads, samples)

    def comments(self) -> Iterator[bytes]:
        """The lines without a sample."""
        return (prefix for prefix in self.prefixes if prefix.endswith(b"\n"))

    def tails_of(self, lines: Sequence[bytes]) -> list[bytes] | None:
        """The tails of lines that have this shape, where none is negative; else None.

        There are no more lines than prefixes. The proof is as in ``Layout.tails_of``.
        """
        tails = list(filter(None, map(bytes.removeprefix, lines, self.prefixes)))
        text = b"".join(tails)
        is_proved = sum(map(len, lines)) == self.size + len(text) and plain_tails(text)
        return tails if is_proved else None

    def admits(self, tails: Sequence[bytes]) -> bool:
        """Whether plain tails are legal here, where those of a histogram's counts are not negative.

        It errs on the safe side where the family is renamed.
        """
        if self.family.type is not MetricType.HISTOGRAM:
            return True
        total = f"{self.family.name}_sum"
        return all(
            name == total or not tail.startswith(b"-")
            for name, tail in zip(self.names, tails, strict=True)
        )


class Layout:
    """All lines of a body but for the tails of the samples. Immutable; replicas share it."""

    __slots__ = (
        "__weakref__",
        "_counts",
        "_families",
        "_is_sound",
        "_prefixes",
        "_samples",
        "_shapes",
        "_size",
    )

    def __init__(self, shapes: tuple[Shape, ...], rest: Lines) -> None:
        """``rest`` are the comments after the last sample."""
        self._shapes = shapes
        self._families = tuple(shape.family for shape in shapes)
        self._counts = tuple(3 * len(shape.heads) for shape in shapes)
        self._samples = sum(len(shape.heads) for shape in shapes)
        self._prefixes = (*(shape.prefixes for shape in shapes), rest, _NO_LINE)
        self._size = sum(shape.size for shape in shapes) + sum(map(len, rest))
        self._is_sound = all(shape.is_sound for shape in shapes)

    def by_first(self) -> dict[bytes, Shape]:
        """The shapes that can be used in other bodies, by their first prefixes."""
        return {shape.prefixes[0]: shape for shape in self._shapes if shape.is_reusable}

    def tails_of(self, body: bytes) -> Lines | None:
        """The tails of a body that has this layout; None where that can't be proved.

        The proof: tails are as many as samples, so no line is beyond the layout's last. All
        prefixes are in place, since what is left without them is shorter by all their lengths. And
        each tail is plain: nothing that could be read as a longer series, nothing to refuse.
        """
        if not self._is_sound:
            return None
        prefixes = chain.from_iterable(self._prefixes)
        tails = tuple(filter(None, map(bytes.removeprefix, BytesIO(body), prefixes)))
        if len(tails) != self._samples:
            return None
        text = b"".join(tails)
        if self._size + len(text) != len(body):
            return None
        if plain_tails(text) or (signed_tails(text) and self._admits(tails)):
            return tails
        return None

    def exposition(self, labels: bytes, tails: Sequence[bytes]) -> Exposition:
        """The samples with the pod's labels. ``labels`` goes up to the value."""
        pieces = [labels] * (3 * len(tails))
        pieces[::3] = chain.from_iterable(shape.heads for shape in self._shapes)
        pieces[2::3] = tails
        bounds = pairwise(accumulate(self._counts, initial=0))
        return Exposition(self._families, [b"".join(pieces[start:end]) for start, end in bounds])

    def _admits(self, tails: Lines) -> bool:
        end = 0
        for shape in self._shapes:
            start, end = end, end + len(shape.heads)
            if not shape.admits(tails[start:end]):
                return False
        return True
