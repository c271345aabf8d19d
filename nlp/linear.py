"""A linear classifier over sparse features, in numpy: TF-IDF, squared hinge loss, one output against the rest.

Trained by dual coordinate descent (Hsieh et al., ICML 2008, the method of LIBLINEAR), all outputs of a sample at once.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Row = tuple[NDArray[np.int32], Floats]
SEPARATOR = "\x00"


class BrokenModel(Exception):
    """A model file that cannot be read or does not hold what it should."""


@dataclass(frozen=True, slots=True)
class Linear:
    """Margins of ``outputs`` for a text's features. ``about`` tells the model's origin: data hash, seed, scores."""

    features: dict[str, int]
    idf: Floats
    # (features, outputs), the last row being the bias.
    weights: Floats
    outputs: tuple[str, ...]
    about: dict[str, Any]

    def vector(self, names: Sequence[str]) -> Row:
        """(places, values of length one together) of the features that the model knows."""
        known = self.features
        counts = Counter(place for name in names if (place := known.get(name)) is not None)
        places = np.fromiter(counts, np.int32, len(counts))
        values = (1.0 + np.log(np.fromiter(counts.values(), np.float32, len(counts)))) * self.idf[places]
        norm = float(np.sqrt((values * values).sum()))
        return places, (values / norm if norm else values).astype(np.float32)

    def margins(self, names: Sequence[str]) -> Floats:
        """One margin for each output; about -1 for no and +1 for yes."""
        places, values = self.vector(names)
        return np.asarray(values @ self.weights[places] + self.weights[-1], np.float32)

    def pruned(self, size: int) -> Linear:
        """The model with its ``size`` weightiest features."""
        strength = np.abs(self.weights[:-1]).max(axis=1) * self.idf
        kept = np.sort(np.argsort(-strength, kind="stable")[:size])
        names = list(self.features)
        features = {names[place]: at for at, place in enumerate(kept.tolist())}
        weights = np.concatenate((self.weights[kept], self.weights[-1:]))
        return Linear(features, self.idf[kept], weights, self.outputs, self.about)

    def save(self, path: Path) -> None:
        """One compressed file without pickled objects; written beside and moved, so a reader sees all or nothing."""
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            features=np.frombuffer(SEPARATOR.join(self.features).encode(), np.uint8),
            idf=self.idf.astype(np.float16),
            weights=self.weights.astype(np.float16),
            about=np.frombuffer(json.dumps([self.outputs, self.about], ensure_ascii=False).encode(), np.uint8),
        )
        beside = path.with_suffix(".new")
        beside.write_bytes(buffer.getvalue())
        beside.replace(path)

    @classmethod
    def load(cls, path: Path) -> Linear:
        """Raises BrokenModel for a file that is missing, cut off, or holds something else."""
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                names = stored["features"].tobytes().decode().split(SEPARATOR)
                idf, weights = stored["idf"].astype(np.float32), stored["weights"].astype(np.float32)
                outputs, about = json.loads(stored["about"].tobytes().decode())
        except Exception as error:
            raise BrokenModel(f"{path}: {error}") from error
        if weights.shape != (len(names) + 1, len(outputs)) or idf.shape != (len(names),):
            raise BrokenModel(f"{path}: {len(names)} features, weights {weights.shape}")
        if not (np.isfinite(weights).all() and np.isfinite(idf).all()):
            raise BrokenModel(f"{path}: not all numbers are finite")
        return cls({name: at for at, name in enumerate(names)}, idf, weights, tuple(outputs), about)


def vocabulary(documents: Sequence[Sequence[str]], least: int = 2) -> tuple[dict[str, int], Floats]:
    """Features that at least ``least`` documents hold, and their inverse document frequencies."""
    holders = Counter(name for names in documents for name in set(names))
    kept = sorted(name for name, count in holders.items() if count >= least)
    idf = np.log((1.0 + len(documents)) / (1.0 + np.array([holders[name] for name in kept], np.float64))) + 1.0
    return {name: at for at, name in enumerate(kept)}, idf.astype(np.float32)


def train(
    documents: Sequence[Sequence[str]],
    labels: NDArray[np.int8],
    outputs: Sequence[str],
    *,
    cost: float = 1.0,
    seed: int = 7,
    epochs: int = 20,
    least: int = 2,
    balanced: bool = False,
) -> Linear:
    """``labels`` (documents, outputs): +1 yes, -1 no, 0 says nothing about this output.

    ``balanced`` gives the yes and the no side of each output the same total cost.
    """
    features, idf = vocabulary(documents, least)
    bare = Linear(features, idf, np.zeros((len(features) + 1, len(outputs)), np.float32), tuple(outputs), {})
    rows = [bare.vector(names) for names in documents]
    return Linear(
        features, idf, _descend(rows, labels, len(features), cost, seed, epochs, balanced), tuple(outputs), {}
    )


def _descend(
    rows: Sequence[Row],
    labels: NDArray[np.int8],
    size: int,
    cost: float,
    seed: int,
    epochs: int,
    balanced: bool,
) -> Floats:
    rng = np.random.default_rng(seed)
    weights = np.zeros((size + 1, labels.shape[1]), np.float32)
    alphas = np.zeros(labels.shape, np.float32)
    costs = np.full(labels.shape, cost, np.float32)
    if balanced:
        total = (labels != 0).sum(axis=0)
        for sign in (1, -1):
            share = total / (2.0 * np.maximum((labels == sign).sum(axis=0), 1))
            costs = np.where(labels == sign, costs * share, costs)
    slack = (0.5 / costs).astype(np.float32)
    signs = labels.astype(np.float32)
    with_bias = [(np.append(p, np.int32(size)), np.append(v, np.float32(1.0))) for p, v in rows]
    for _ in range(epochs):
        moved = 0.0
        for at in rng.permutation(len(rows)):
            places, values = with_bias[at]
            sign, alpha = signs[at], alphas[at]
            here = weights[places]
            gradient = sign * (values @ here) - 1.0 + slack[at] * alpha
            squared = float(values @ values)
            step = (np.maximum(alpha - gradient / (squared + slack[at]), 0.0) - alpha) * np.abs(sign)
            if float(np.abs(step).max()) > 1e-6:
                alphas[at] = alpha + step
                weights[places] = here + values[:, None] * (sign * step)
                moved = max(moved, float(np.abs(step).max()))
        if moved < 1e-3:
            break
    return weights


def one_of(labels: Sequence[str], outputs: Sequence[str]) -> NDArray[np.int8]:
    """The label matrix of documents that have one label each."""
    place = {output: at for at, output in enumerate(outputs)}
    matrix = np.full((len(labels), len(outputs)), -1, np.int8)
    for row, label in enumerate(labels):
        matrix[row, place[label]] = 1
    return matrix
