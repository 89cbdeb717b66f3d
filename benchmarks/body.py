# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""What a sample pod says: a text exposition like node_exporter's, of any length, ever new."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

MARK = "bench_round"
"""The one series that differs between pods; its value is the number of the round."""

Draw = Callable[[random.Random, int], list[bytes]]

_SUBSYSTEMS = (
    "conntrack", "cooling", "hwmon", "memory", "netstat",
    "nfsd", "pressure", "schedstat", "sockstat", "vmstat",
)  # fmt: skip
_SINGLES = (
    "active_anonymous", "buffers", "cached", "committed_address_space", "dirty",
    "kernel_reclaimable", "mapped", "shared_huge_pages", "slab_unreclaimable", "unevictable",
    "writeback_temporary",
)  # fmt: skip
_DEVICES = ("bond0", "cali0f3a9b2c1d7", "cali5e77d0ab9c2", "eth0", "eth1", "lo", "veth1", "vx", "w")
_DISKS = ("dm-0", "dm-1", "nvme0n1", "nvme1n1", "sda", "sdb", "sr0", "vda")
_MODES = ("idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user")
# Escapes, braces, blanks, commas and a percent sign, where a careless merge breaks.
_MOUNTS = (
    r"/", r"/boot/efi", r"/var/lib/{kubelet}/pods", r"/mnt/a b, c=\"d\"", r"C:\\data\\",
    r"/run/user/1000}", r"/media/100% full", r"/srv/# not a comment", r"/first\nsecond",
)  # fmt: skip
_BUCKETS = (".005", ".01", ".025", ".05", ".1", ".25", ".5", "1", "2.5", "10", "+Inf")
_QUANTILES = ("0", "0.25", "0.5", "0.75", "1")


@dataclass(frozen=True, slots=True)
class _Family:
    """``heads`` is each sample's text before its value; ``draw`` makes all their values."""

    name: str
    kind: str
    help: str
    heads: Sequence[str]
    draw: Draw

    def template(self) -> str:
        lines = [f"# HELP {self.name} {self.help}", f"# TYPE {self.name} {self.kind}"]
        lines += [head.replace("%", "%%") + " %s" for head in self.heads]
        return "\n".join([*lines, ""])


class BodyMaker:
    """Makes bodies of exactly ``series`` samples; all pods have the same families."""

    def __init__(self, series: int, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self._families = list(_chosen(series - 1))
        templates = [family.template() for family in self._families]
        self._template = "".join([_mark_template(), *templates]).encode()

    def body(self, pod: str, number: int) -> bytes:
        """One pod's answer in a round; every value differs from its last one."""
        values = [pod.encode(), b"%d" % number]
        for family in self._families:
            values += family.draw(self._random, len(family.heads))
        return self._template % tuple(values)


def _mark_template() -> str:
    help_text = f"# HELP {MARK} The round these values belong to."
    return f'{help_text}\n# TYPE {MARK} gauge\n{MARK}{{host="%s",zone="local"}} %s\n'


def _chosen(series: int) -> Iterator[_Family]:
    """Families that make up the number; those too big for what is left are passed over."""
    for number in itertools.count():
        for family in _block(number):
            if len(family.heads) <= series:
                series -= len(family.heads)
                yield family
        if not series:
            return


def _block(number: int) -> Iterator[_Family]:
    """A hundred samples in twenty families."""
    turn, place = divmod(number, len(_SUBSYSTEMS))
    stem = f"node_{_SUBSYSTEMS[place]}{turn or ''}"
    yield _summary(stem)
    yield _histogram(stem)
    yield _cpu(stem)
    yield _filesystem(stem)
    yield from (_network(stem, what) for what in ("receive", "transmit"))
    yield from (_dropped(stem, what) for what in ("receive", "transmit"))
    yield _disk(stem)
    yield from (_single(stem, word, index) for index, word in enumerate(_SINGLES))


def _single(stem: str, word: str, index: int) -> _Family:
    kind, draw = (("gauge", _exponents), ("gauge", _fractions), ("untyped", _integers))[index % 3]
    name = f"{stem}_{word}_bytes"
    return _Family(name, kind, f"Memory information field {word}.", [name], draw)


def _network(stem: str, way: str) -> _Family:
    name = f"{stem}_{way}_bytes_total"
    heads = [f'{name}{{device="{device}",address="fe:ed:00:5e:10:7a"}}' for device in _DEVICES]
    return _Family(name, "counter", f"Network device statistic {way}_bytes.", heads, _exponents)


def _dropped(stem: str, way: str) -> _Family:
    name = f"{stem}_{way}_drop_total"
    heads = [f'{name}{{device="{device}",address="fe:ed:00:5e:10:7a"}}' for device in _DEVICES]
    return _Family(name, "counter", f"Network device statistic {way}_drop.", heads, _integers)


def _cpu(stem: str) -> _Family:
    name = f"{stem}_cpu_seconds_total"
    heads = [f'{name}{{cpu="{cpu}",mode="{mode}"}}' for cpu in (0, 1) for mode in _MODES]
    return _Family(name, "counter", "Seconds the CPUs spent in each mode.", heads, _fractions)


def _filesystem(stem: str) -> _Family:
    name = f"{stem}_filesystem_avail_bytes"
    device = "/dev/mapper/vg-root"
    heads = [f'{name}{{device="{device}",fstype="ext4",mountpoint="{m}"}}' for m in _MOUNTS]
    help_text = r"Filesystem space available to users,\nin bytes (C:\\ too)."
    return _Family(name, "gauge", help_text, heads, _exponents)


def _disk(stem: str) -> _Family:
    name = f"{stem}_disk_io_time_seconds_total"
    heads = [f'{name}{{device="{disk}",path="pci-0000:00:1f.2-ata-1"}}' for disk in _DISKS]
    return _Family(name, "counter", "Total seconds spent doing I/Os.", heads, _fractions)


def _histogram(stem: str) -> _Family:
    name, labels = f"{stem}_request_duration_seconds", 'code="200",handler="/api/{id}"'
    heads = [f'{name}_bucket{{{labels},le="{bound}"}}' for bound in _BUCKETS]
    heads += [f"{name}_sum{{{labels}}}", f"{name}_count{{{labels}}}"]
    return _Family(name, "histogram", "Time to answer a request.", heads, _bucket_counts)


def _summary(stem: str) -> _Family:
    name = f"{stem}_gc_duration_seconds"
    heads = [f'{name}{{quantile="{quantile}"}}' for quantile in _QUANTILES]
    heads += [f"{name}_sum", f"{name}_count"]
    return _Family(name, "summary", "Pause time of collection cycles.", heads, _quantile_values)


def _integers(source: random.Random, count: int) -> list[bytes]:
    return [b"%d" % source.getrandbits(34) for _ in range(count)]


def _exponents(source: random.Random, count: int) -> list[bytes]:
    return [b"%.9e" % (source.random() * 1e11) for _ in range(count)]


def _fractions(source: random.Random, count: int) -> list[bytes]:
    return [b"%.12f" % (source.random() * 1e5) for _ in range(count)]


def _bucket_counts(source: random.Random, count: int) -> list[bytes]:
    """Cumulative, as buckets are; the last of them equals the count."""
    buckets = [b"%d" % number for number in sorted(source.sample(range(10**9), count - 2))]
    return [*buckets, *_fractions(source, 1), buckets[-1]]


def _quantile_values(source: random.Random, count: int) -> list[bytes]:
    rising = sorted(source.random() / 1e3 for _ in range(count - 2))
    return [*(b"%.9f" % value for value in rising), *_fractions(source, 1), *_integers(source, 1)]
