import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import coo_array, csr_matrix

from skcnn._data.indicators import as_indicator, warn_if_one_hot

Y = np.random.default_rng(0).integers(0, 2, (30, 4))
FORMS = {
    "integers": Y,
    "booleans": Y > 0,
    "floats": Y * 1.0,
    "objects": Y.astype(object),
    "lists": Y.tolist(),
    "frame": pd.DataFrame(Y),
    "nullable frame": pd.DataFrame(Y).astype("Int64"),
    "polars": pl.DataFrame(Y),
    "sparse": csr_matrix(Y),
    "sparse array": coo_array(Y),
}


@pytest.mark.parametrize("y", FORMS.values(), ids=FORMS)
def test_matrices_of_0_and_1_are_indicators(y):
    indicator = as_indicator(y)
    assert indicator.dtype == np.uint8
    assert np.array_equal(indicator, Y)


@pytest.mark.parametrize(
    "y",
    [
        Y[:, 0],
        Y[:, :1],
        2 * Y,
        Y - 0.5,
        np.where(Y, np.nan, 0),
        Y.astype(str),
        Y.reshape(30, 2, 2),
        Y[:0],
        [[0, 1], [1]],
        [[0, "a"], [1, 0]],
        np.array([[0, None], [1, 0]]),
        3,
        None,
        coo_array(np.ones(4)),
    ],
    ids=lambda y: repr(y)[:30],
)
def test_what_is_something_else_is_none(y):
    assert as_indicator(y) is None


def test_one_label_in_every_row_is_doubted():
    with pytest.warns(UserWarning, match=r"one-hot encoded.*pass y\.argmax\(axis=1\)"):
        warn_if_one_hot(np.eye(3, dtype=np.uint8)[np.arange(10) % 3])
    warn_if_one_hot(np.eye(9, dtype=np.uint8))
    warn_if_one_hot(as_indicator(Y))
