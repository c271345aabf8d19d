"""A linear classifier over sparse features, in numpy: TF-IDF, squared hinge loss, one output against the rest.

Trained by dual coordinate descent (Hsieh et al., ICML 2008, the method of LIBLINEAR), all outputs of a sample at once.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Row = tuple[NDArray[np.int32], Floats]
SEPARATOR = "\x00"
# What the names of features begin with that are not plain runs of characters: words, cue words, and the features of a
# message's title on its own. Words with cues, characters, and the title are three blocks, each of length one: in one
# vector the many characters would drown the few others (ask or complain: .902 together, .912 apart).
WORD, CUE, TITLE = "\x01", "\x02", "\x03"
BLOCKS = 3
Blocks = tuple[float, float, float]


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
    # The block of each feature, and the weight of each block.
    block: NDArray[np.int8]
    blocks: Blocks = (1.0, 1.0, 1.0)

    def vector(self, names: Sequence[str]) -> Row:
        """(places, values, each block as long as its weight) of the features that the model knows."""
        known = self.features
        counts = Counter(place for name in names if (place := known.get(name)) is not None)
        places = np.fromiter(counts, np.int32, len(counts))
        values = (1.0 + np.log(np.fromiter(counts.values(), np.float32, len(counts)))) * self.idf[places]
        block = self.block[places]
        norms = np.sqrt(np.bincount(block, values * values, BLOCKS))
        return places, (values * (np.array(self.blocks) / np.maximum(norms, 1e-12))[block]).astype(np.float32)

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
        return replace(self, features=features, idf=self.idf[kept], weights=weights, block=self.block[kept])

    def save(self, path: Path) -> None:
        """One compressed file without pickled objects; written beside and moved, so a reader sees all or nothing."""
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            features=np.frombuffer(SEPARATOR.join(self.features).encode(), np.uint8),
            idf=self.idf.astype(np.float16),
            weights=self.weights.astype(np.float16),
            about=np.frombuffer(
                json.dumps([self.outputs, self.about, self.blocks], ensure_ascii=False).encode(), np.uint8
            ),
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
                outputs, about, (words, characters, title) = json.loads(stored["about"].tobytes().decode())
                blocks = (float(words), float(characters), float(title))
        except Exception as error:
            raise BrokenModel(f"{path}: {error}") from error
        if weights.shape != (len(names) + 1, len(outputs)) or idf.shape != (len(names),):
            raise BrokenModel(f"{path}: {len(names)} features, weights {weights.shape}")
        if not (np.isfinite(weights).all() and np.isfinite(idf).all()):
            raise BrokenModel(f"{path}: not all numbers are finite")
        features = {name: at for at, name in enumerate(names)}
        return cls(features, idf, weights, tuple(outputs), about, blocks_of(features), blocks)


def blocks_of(names: Iterable[str]) -> NDArray[np.int8]:
    """The block of each feature."""
    first = {WORD: 0, CUE: 0, TITLE: 2}
    return np.array([first.get(name[:1], 1) for name in names], np.int8)


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
    one_of_many: bool = False,
    blocks: Blocks = (1.0, 1.0, 1.0),
) -> Linear:
    """``labels`` (documents, outputs): +1 yes, -1 no, 0 says nothing about this output.

    ``balanced`` gives the yes and the no side of each output the same total cost; ``one_of_many`` gives the outputs the
    same total cost for their yes side and leaves the no side as it is, better for many classes of few texts each.
    ``blocks`` weighs words, characters and the title.
    """
    features, idf = vocabulary(documents, least)
    none = np.zeros((len(features) + 1, len(outputs)), np.float32)
    bare = Linear(features, idf, none, tuple(outputs), {}, blocks_of(features), blocks)
    rows = [bare.vector(names) for names in documents]
    return replace(
        bare, weights=_descend(rows, labels, len(features), _costs(labels, cost, balanced, one_of_many), seed, epochs)
    )


def _costs(labels: NDArray[np.int8], cost: float, balanced: bool, one_of_many: bool) -> Floats:
    """What an error costs for each text and output."""
    costs = np.full(labels.shape, cost, np.float32)
    total = (labels != 0).sum(axis=0)
    if one_of_many:
        share = total / (labels.shape[1] * np.maximum((labels == 1).sum(axis=0), 1))
        costs = np.where(labels == 1, costs * share, costs)
    elif balanced:
        for sign in (1, -1):
            share = total / (2.0 * np.maximum((labels == sign).sum(axis=0), 1))
            costs = np.where(labels == sign, costs * share, costs)
    return costs.astype(np.float32)


def _descend(
    rows: Sequence[Row],
    labels: NDArray[np.int8],
    size: int,
    costs: Floats,
    seed: int,
    epochs: int,
) -> Floats:
    rng = np.random.default_rng(seed)
    weights = np.zeros((size + 1, labels.shape[1]), np.float32)
    alphas = np.zeros(labels.shape, np.float32)
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
