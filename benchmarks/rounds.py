# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The measuring: runs, and in each of them rounds in which every variant has its turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Figures, Measured, Shape
from benchmarks.stage import Reading, Stage, commands, compile_all

_FEWEST_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure. Every run starts the processes anew; ``seconds`` bounds all of it."""

    shapes: Sequence[Shape]
    variants: Sequence[str]
    rival: Path | None
    runs: int
    rounds: int
    warm_ups: int
    seconds: float


def measure(plan: Plan, folder: Path, say: Callable[[str], None]) -> Measured:
    """Measure it all. Raises BenchError if a variant fails or answers wrongly."""
    compile_all(folder)
    variants = commands(plan.variants, plan.rival, folder)
    measured = {shape: {name: Figures() for name in variants} for shape in plan.shapes}
    end = time.monotonic() + plan.seconds
    turns = [(run, shape) for run in range(plan.runs) for shape in plan.shapes]
    for done, (run, shape) in enumerate(turns):
        say(f"{shape}, run {run + 1} of {plan.runs}")
        now = time.monotonic()
        # What the smaller shapes leave of their share is for the others.
        deadline = now + max(end - now, 0) / (len(turns) - done)
        with Stage(shape, variants, folder) as stage:
            rounds = _run(stage, measured[shape], plan, deadline)
        if rounds < plan.rounds:
            say(f"{shape}: time for {rounds} of {plan.rounds} rounds only")
    return measured


def _run(stage: Stage, figures: dict[str, Figures], plan: Plan, deadline: float) -> int:
    """One run; how many rounds there was time for."""
    names = list(figures)
    for _ in range(plan.warm_ups):
        stage.renew()
        for name in names:
            stage.read(name)
    done = 0
    while done < plan.rounds and (done < _FEWEST_ROUNDS or time.monotonic() < deadline):
        stage.renew()
        # Each goes first as often as the others.
        turn = done % len(names)
        for name in names[turn:] + names[:turn]:
            _note(figures[name], stage.read(name))
        done += 1
    for name in names:
        figures[name].peak_mb.append(stage.peak_bytes(name) / 1e6)
    return done


def _note(figures: Figures, reading: Reading) -> None:
    figures.cpu_ms.append(reading.cpu_seconds * 1e3)
    figures.wall_ms.append(reading.wall_seconds * 1e3)
    figures.answer_bytes = reading.answer_bytes
    figures.samples = reading.samples
