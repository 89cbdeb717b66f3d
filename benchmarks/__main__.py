# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The command line: ``python -m benchmarks``, or ``make bench ARGS="..."``."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from pathlib import Path

from benchmarks.figures import FLOOR, PROXY, Measured, Shape
from benchmarks.picture import picture
from benchmarks.process import BenchError
from benchmarks.report import as_json, machine, table
from benchmarks.rounds import Plan, measure

_DESCRIPTION = """\
Measures what a scrape costs: CPU, latency and peak memory of the proxy, beside a floor that
passes the bodies through unread and, with --rival, beside another proxy. All of them scrape the
same sample pods on loopback, in turns, and every value is a new one at each scrape."""

_EPILOG = """\
CPU is the median of all rounds (and their least); a ratio is the median of the rounds' ratios.
Every answer is checked: all samples, with this round's values. Needs Linux."""


def main() -> int:
    """Run the benchmark; the exit code."""
    args = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            measured = measure(_plan(args), Path(folder), _say)
    except BenchError as error:
        print(f"the benchmark failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    _write(measured, args.json, args.picture)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--shapes",
        type=_shapes,
        default="10x1000,100x100,100x1000",
        metavar="LIST",
        help="pods x series of each pod (default %(default)s)",
    )
    parser.add_argument(
        "--rival", type=_program, metavar="PATH", help="a program to compare with; it gets PORT"
    )
    parser.add_argument(
        "--variants",
        type=_variants,
        default=f"{PROXY},{FLOOR}",
        metavar="LIST",
        help="which to measure beside the rival (default %(default)s)",
    )
    parser.add_argument("--runs", type=_count, metavar="N", help="process starts (default 3)")
    parser.add_argument("--rounds", type=_count, metavar="N", help="rounds of a run (default 11)")
    parser.add_argument("--quick", action="store_true", help="1 run of 5 rounds, within 40 seconds")
    parser.add_argument(
        "--seconds",
        type=_count,
        metavar="N",
        help="give up rounds to end in about this time (default 150)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the raw figures")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="write a bar chart (SVG)")
    return parser.parse_args()


def _plan(args: argparse.Namespace) -> Plan:
    return Plan(
        shapes=args.shapes,
        variants=args.variants,
        rival=args.rival,
        runs=args.runs or (1 if args.quick else 3),
        rounds=args.rounds or (5 if args.quick else 11),
        warm_ups=2 if args.quick else 3,
        seconds=args.seconds or (30 if args.quick else 150),
    )


def _write(measured: Measured, json_file: Path | None, picture_file: Path | None) -> None:
    print(" | ".join(f"{name} {value}" for name, value in machine().items()))
    print(table(measured))
    if json_file:
        json_file.write_text(json.dumps(as_json(measured), indent=1) + "\n")
    if picture_file:
        picture_file.write_text(picture(measured))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f'"{text}" is not a number from 1')
    return int(text)


def _shapes(text: str) -> list[Shape]:
    try:
        return [Shape.parse(part) for part in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _variants(text: str) -> list[str]:
    names = list(dict.fromkeys(text.split(",")))
    for name in names:
        if name not in {PROXY, FLOOR}:
            raise argparse.ArgumentTypeError(f'"{name}" is neither {PROXY} nor {FLOOR}')
    return names


def _program(text: str) -> Path:
    path = Path(text)
    if not (path.is_file() and os.access(path, os.X_OK)):
        raise argparse.ArgumentTypeError(f"{text} is no program")
    return path


if __name__ == "__main__":
    sys.exit(main())
