import numpy as np
import pytest

from skcnn._data.dtypes import compute_dtype


@pytest.mark.parametrize(
    ("X_dtype", "expected"),
    [
        ("bool", "float32"), ("uint8", "float32"), ("int16", "float32"), ("uint16", "float32"),
        ("float16", "float32"), ("float32", "float32"), ("float64", "float64"),
        ("int32", "float64"), ("int64", "float64"),
    ],
)  # fmt: skip
def test_auto_dtype_follows_the_input(X_dtype, expected):
    assert compute_dtype("auto", np.dtype(X_dtype)) == np.dtype(expected)
    assert compute_dtype(np.float32, np.dtype(X_dtype)) == np.float32
    assert compute_dtype("float64", np.dtype(X_dtype)) == np.float64
