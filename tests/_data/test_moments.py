"""Sums over chunks; what is made of them is tested with the standardizer."""

import numpy as np
import pytest

from skcnn._data import moments
from skcnn._data.moments import Chunks, Moments


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("rows", [None, np.array([4, 0, 7])])
def test_chunks_hold_all_samples_that_count_channels_last(rows, first, monkeypatch):
    monkeypatch.setattr(moments, "CHUNK_ELEMENTS", 24)  # two samples
    X = np.arange(9 * 12).reshape(9, 12).astype(np.int16)
    weights = np.arange(1.0, 10)[: 9 if rows is None else 3]
    chunks = Chunks(X, rows, weights, 2, first)
    read = [(images.copy(), w) for images, w in chunks]
    chosen = X if rows is None else X[rows]
    images = chosen.reshape(-1, 2, 6).transpose(0, 2, 1) if first else chosen.reshape(-1, 6, 2)
    assert np.array_equal(np.concatenate([chunk for chunk, _ in read]), images)
    assert np.array_equal(np.concatenate([w for _, w in read]), weights)
    assert max(len(chunk) for chunk, _ in read) == 2
    assert len(chunks) == len(chosen)
    assert np.array_equal(chunks.some(1), images[:1])
    assert np.array_equal(chunks.some(24), images[[0, -1]])


def test_channels_of_very_different_magnitudes_do_not_vanish_beside_each_other():
    X = np.random.default_rng(0).normal(size=(5, 7, 4)) * [1e-300, 1e-8, 1, 1e300]
    sums = Moments(4)
    for chunk in X:
        sums.add(chunk[None].copy(), np.ones(1))
    scale = [1e300, 1e8, 1, 1e-300]
    np.testing.assert_allclose(sums.deviation * scale, (X * scale).std(axis=(0, 1)), rtol=1e-13)
    np.testing.assert_allclose(sums.mean * scale, (X * scale).mean(axis=(0, 1)), rtol=1e-12)
    assert np.array_equal(sums.largest, np.abs(X).max(axis=(0, 1)))
    assert not sums.nearly_constant.any()
