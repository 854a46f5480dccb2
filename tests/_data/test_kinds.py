"""Dates, text and other values that are no real numbers, wherever users may put them."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skcnn._data.kinds import check_kind, check_no_dates, non_number
from tests.support.estimators import fitted_attributes, make_classifier, make_regressor

N = 30
DAYS = np.arange(N).astype("M8[D]")
WITH_NAT = DAYS.copy()
WITH_NAT[3] = "NaT"
X, Y = np.random.default_rng(0).normal(size=(N, 6)), np.arange(N) % 2
DATES = {
    "datetime64": DAYS,
    "with NaT": WITH_NAT,
    "timedelta64": np.arange(N).astype("m8[s]"),
    "pandas": pd.Series(DAYS),
    "polars": pl.Series(DAYS),
    "dates of Python": [dt.date(2026, 1, 1)] * N,
    "objects": DAYS.astype(object),
}
COLUMNS_OF_DATES = {
    "date": pl.Series(DAYS),
    "datetime": pl.Series(DAYS.astype("M8[us]")),
    "duration": pl.Series(np.arange(N).astype("m8[us]")),
    "time": pl.Series([dt.time(1, 2, second) for second in range(N)]),
    "with null": pl.Series([None, *[dt.date(2026, 1, 1)] * (N - 1)]),
}


@pytest.mark.parametrize("dates", DATES.values(), ids=DATES)
def test_dates_are_no_targets_and_no_weights(dates):
    for make, name, arguments in [
        (make_regressor, "y", {"y": dates}),
        (make_regressor, "y_val", {"y": Y, "X_val": X, "y_val": dates}),
        (make_classifier, "sample_weight", {"y": Y, "sample_weight": dates}),
        (
            make_classifier,
            "sample_weight_val",
            {"y": Y, "X_val": X, "y_val": Y, "sample_weight_val": dates},
        ),
    ]:
        model = make()
        with pytest.raises(ValueError, match=f"{name} holds dates or times, but numbers"):
            model.fit(X, **arguments)
        assert not fitted_attributes(model)


@pytest.mark.parametrize("column", COLUMNS_OF_DATES.values(), ids=COLUMNS_OF_DATES)
def test_columns_of_dates_are_named(column):
    frames = [pl.DataFrame(X).with_columns(column.alias("when"))]
    if column.dtype in (pl.Date, pl.Datetime):
        frames.append(pd.DataFrame(X).assign(when=pd.to_datetime(column.to_list())))
    for frame in frames:
        with pytest.raises(ValueError, match="X holds dates or times in column 'when'"):
            make_classifier().fit(frame, Y)


@pytest.mark.parametrize("value", [DAYS[1], dt.datetime(2026, 1, 1), dt.timedelta(1)], ids=str)
def test_one_date_among_objects_is_found(value):
    objects = X.astype(object)
    objects[4, 2] = value
    with pytest.raises(ValueError, match="X holds dates or times, but real numbers"):
        make_classifier().fit(objects, Y)
    check_kind(X.astype(object))


STRANGERS = {
    "text": pl.Series(["cat"] * N),
    "categories": pl.Series(["cat"] * N, dtype=pl.Categorical),
    "structures": pl.Series([{"a": 1}] * N),
}


@pytest.mark.parametrize("column", STRANGERS.values(), ids=STRANGERS)
def test_what_is_no_number_is_named_with_its_column_and_its_type(column):
    frame = pl.DataFrame(X).with_columns(column.alias("odd"))
    with pytest.raises((TypeError, ValueError), match=r"X holds .* in column 'odd', of type .*"):
        make_classifier().fit(frame, Y)


def test_periods_and_paths_beside_numbers_are_named_with_their_column():
    periods = pd.DataFrame({"p": pd.period_range("2026", periods=N, freq="D"), "n": 1.0})
    with pytest.raises(TypeError, match=r"X holds Period.* in column 'p', of type Period"):
        make_classifier().fit(periods, Y)
    paths = pd.DataFrame({"p": ["a.png"] * N, "n": 1.0})
    with pytest.raises(ValueError, match=r"X holds 'a\.png' in column 'p'.*leave this column out"):
        make_classifier().fit(paths, Y)


def test_decimals_and_numbers_as_objects_are_numbers():
    frame = pl.DataFrame(X).with_columns(pl.Series([Decimal("1.5")] * N).alias("more"))
    expected = make_classifier().fit(np.c_[X, np.full(N, 1.5)], Y)
    model = make_classifier().fit(frame, Y)
    assert np.array_equal(model.predict_proba(frame), expected.predict_proba(frame.to_numpy()))


def test_only_values_that_are_no_numbers_are_found():
    assert non_number([1, None, [2], "3", True, Decimal(2)]) is None
    assert non_number([1, "a", "b"]) == ("a", None)
    assert non_number(pd.DataFrame({"a": [1, 2], "b": [1, "c"]})) == ("c", "b")


@pytest.mark.parametrize("values", [[1, 2], [[1], [2, 3]], np.arange(3), pd.Series([1.0]), 3, None])
def test_numbers_are_no_dates(values):
    check_no_dates(values, "y")
