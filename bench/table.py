"""Rows of the result table: a measure's median and quartiles, its goal, and whether it is met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

HEAD = "| measure | median | quartiles | n | goal | met |\n| --- | ---: | --- | ---: | --- | --- |"


@dataclass(frozen=True)
class Row:
    """``values`` are of equal rounds; the median is what the goal is held against. No goal: for information."""

    measure: str
    values: Sequence[float]
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None

    @property
    def median(self) -> float:
        return float(np.median(self.values))

    def __str__(self) -> str:
        low, high = np.percentile(self.values, [25, 75])
        unit = f" {self.unit}" if self.unit else ""
        goal, met = "", ""
        if self.at_least is not None:
            goal, met = f">= {self.at_least:g}{unit}", "yes" if self.median >= self.at_least else "**no**"
        elif self.at_most is not None:
            goal, met = f"<= {self.at_most:g}{unit}", "yes" if self.median <= self.at_most else "**no**"
        value, spread = f"{_short(self.median)}{unit}", f"{_short(low)} .. {_short(high)}"
        return f"| {self.measure} | {value} | {spread} | {len(self.values)} | {goal} | {met} |"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 20 else f"{value:.2f}"
