import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_array
from sklearn.multioutput import MultiOutputClassifier

from skcnn._data.labels import check_labels, with_labels

N = 60
CODES = np.arange(N) % 3
NAMES = np.array(["cat", "dog", "eel"])[CODES]

# labels, classes_, dtype of classes_
KINDS = {
    "int": (CODES, [0, 1, 2], np.int64),
    "uint8": (CODES.astype(np.uint8), [0, 1, 2], np.uint8),
    "negative": (-5 * CODES, [-10, -5, 0], np.int64),
    "bool": (CODES == 1, [False, True], np.bool_),
    "float integers": (CODES.astype(float), [0.0, 1.0, 2.0], np.float64),
    "str": (NAMES, ["cat", "dog", "eel"], NAMES.dtype),
    "object str": (NAMES.astype(object), ["cat", "dog", "eel"], object),
    "digit strings": (np.array(["10", "9", "1"])[CODES], ["1", "10", "9"], np.dtype("U2")),
    "list of int": (CODES.tolist(), [0, 1, 2], np.int64),
    "list of str": (NAMES.tolist(), ["cat", "dog", "eel"], np.dtype("U3")),
    "list of bool": ((CODES == 1).tolist(), [False, True], np.bool_),
    "object int": (CODES.astype(object), [0, 1, 2], np.int64),
    "object bool": ((CODES == 1).astype(object), [False, True], np.bool_),
    "object numpy int": (np.array(list(CODES), dtype=object), [0, 1, 2], np.int64),
    "pandas int": (pd.Series(CODES, index=range(N, 0, -1)), [0, 1, 2], np.int64),
    "pandas category": (pd.Series(NAMES, dtype="category"), ["cat", "dog", "eel"], object),
    "pandas category of int": (pd.Series(CODES, dtype="category"), [0, 1, 2], np.int64),
    "pandas category, one unused": (
        pd.Series(pd.Categorical(NAMES, categories=["eel", "ant", "dog", "cat"])),
        ["cat", "dog", "eel"],
        object,
    ),
    "pandas StringDtype": (pd.Series(NAMES, dtype="string"), ["cat", "dog", "eel"], object),
    "pandas Int64": (pd.Series(CODES, dtype="Int64"), [0, 1, 2], np.int64),
    "pandas boolean": (pd.Series(CODES == 1, dtype="boolean"), [False, True], np.bool_),
    "pandas object": (pd.Series(NAMES, dtype=object), ["cat", "dog", "eel"], object),
    "polars int": (pl.Series(CODES), [0, 1, 2], np.int64),
    "polars bool": (pl.Series(CODES == 1), [False, True], np.bool_),
}


def codes_of(y, classes):
    return np.array([classes.index(label) for label in np.asarray(y).tolist()])


@pytest.fixture(name="X")
def few_images(digits):
    return digits[0][:N]


@pytest.mark.parametrize("kind", KINDS)
def test_labels_round_trip_in_their_own_dtype(kind, X, make_classifier):
    y, classes, dtype = KINDS[kind]
    model = make_classifier().fit(X, y)
    assert model.classes_.tolist() == classes
    assert model.classes_.dtype == dtype
    predicted = model.predict(X)
    assert predicted.dtype == dtype
    assert set(predicted.tolist()) <= set(classes)
    best = model.predict_proba(X).argmax(axis=1)
    np.testing.assert_array_equal(predicted, model.classes_[best])
    assert model.score(X, np.asarray(y).astype(dtype)) == np.mean(best == codes_of(y, classes))


@pytest.mark.parametrize("kind", KINDS)
def test_labels_of_every_kind_train_the_same_network(kind, X, make_classifier):
    y, classes, _ = KINDS[kind]
    model, plain = (make_classifier().fit(X, labels) for labels in (y, codes_of(y, classes)))
    assert model.network_.parameters.tobytes() == plain.network_.parameters.tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_partial_fit_takes_labels_of_every_kind(kind, X, make_classifier):
    y, classes, dtype = KINDS[kind]
    model = make_classifier().partial_fit(X, y, classes=np.array(classes, dtype))
    fitted = make_classifier(max_iter=1).fit(X, y)
    assert model.network_.parameters.tobytes() == fitted.network_.parameters.tobytes()
    assert model.predict(X).dtype == dtype


@pytest.mark.parametrize("dtype", [pl.String, pl.Categorical], ids=str)
def test_polars_strings_come_back_as_strings(dtype, X, make_classifier):
    model = make_classifier().fit(X, pl.Series(NAMES.tolist(), dtype=dtype))
    assert model.classes_.tolist() == ["cat", "dog", "eel"]
    assert {type(label) for label in model.predict(X).tolist()} == {str}


def test_a_column_of_a_data_frame_is_understood(X, make_classifier):
    frame = pd.DataFrame({"animal": NAMES})
    model = make_classifier().fit(X, frame["animal"])
    assert model.classes_.tolist() == ["cat", "dog", "eel"]
    with pytest.warns(UserWarning, match="column-vector"):
        other = make_classifier().fit(X, frame)
    assert model.network_.parameters.tobytes() == other.network_.parameters.tobytes()


ONE_HOT = np.eye(3)[CODES]
SEVERAL = np.c_[ONE_HOT[:, :2], ONE_HOT[:, 0]]
LOOKS = {
    "one-hot, -1": (2 * ONE_HOT - 1, "one-hot encoded, with -1 in place of 0"),
    "probabilities": (0.7 * ONE_HOT + 0.1, "probabilities of classes.*argmax"),
    "outputs": (np.c_[CODES, CODES % 2], "several outputs.*MultiOutputClassifier"),
    "texts": (np.c_[NAMES, NAMES], "several outputs.*MultiOutputClassifier"),
    "frame": (pd.DataFrame({"a": NAMES, "b": CODES}), "several outputs.*MultiOutputClassifier"),
    "numbers": (np.random.default_rng(0).normal(size=(N, 2)), "ScratchCNNRegressor"),
    "a row": (CODES[np.newaxis], r"single column or row of labels: pass y.ravel\(\)"),
    "a column of 3 axes": (CODES[:, np.newaxis, np.newaxis], r"pass y.ravel\(\)"),
    "images": (np.zeros((N, 8, 8)), "were X and y mixed up"),
    "sparse": (csr_array(ONE_HOT), "sparse.*toarray"),
    "sparse column": (csr_array(CODES[:, np.newaxis]), "sparse.*toarray"),
    "no columns": (np.zeros((N, 0)), "is empty"),
}


@pytest.mark.parametrize("kind", LOOKS)
def test_y_of_several_columns_is_an_error_that_names_what_it_looks_like(kind):
    y, words = LOOKS[kind]
    with pytest.raises(ValueError, match=rf"^y has shape .*, but one label a sample.* {words}"):
        check_labels(y)


def test_several_labels_a_sample_are_a_case_for_a_classifier_of_several_outputs(X, make_classifier):
    model = MultiOutputClassifier(make_classifier()).fit(X, SEVERAL)
    assert model.predict(X).shape == SEVERAL.shape


MISSING = {
    "None among str": [None, *NAMES[1:].tolist()],
    "None among int": [None, *CODES[1:].tolist()],
    "NaN among str, list": [float("nan"), *NAMES[1:].tolist()],
    "NaN among str, object": np.array([np.nan, *NAMES[1:]], dtype=object),
    "NaN among float": np.where(CODES == 0, np.nan, CODES),
    "NaN among object float": np.where(CODES == 0, np.nan, CODES).astype(object),
    "infinity": np.where(CODES == 0, np.inf, CODES),
    "pandas None": pd.Series([None, *NAMES[1:]]),
    "pandas NA in StringDtype": pd.Series([None, *NAMES[1:]], dtype="string"),
    "pandas NA in Int64": pd.Series([None, *CODES[1:]], dtype="Int64"),
    "pandas NA in boolean": pd.Series([None, *(CODES[1:] == 1)], dtype="boolean"),
    "pandas missing category": pd.Series([None, *NAMES[1:]], dtype="category"),
    "polars null int": pl.Series([None, *CODES[1:].tolist()]),
    "polars null str": pl.Series([None, *NAMES[1:].tolist()]),
    "polars null bool": pl.Series([None, *(CODES[1:] == 1).tolist()]),
}


@pytest.mark.parametrize("kind", MISSING)
def test_missing_labels_are_a_clear_error(kind, X, make_classifier):
    with pytest.raises(ValueError, match=r"(?i)^y .*(missing|NaN)"):
        make_classifier().fit(X, MISSING[kind])


MIXED = {
    "list": [1, *NAMES[1:].tolist()],
    "object array": np.array([1, *NAMES[1:]], dtype=object),
    "bool among str": [True, *NAMES[1:].tolist()],
    "pandas object": pd.Series([1, *NAMES[1:]], dtype=object),
    "tuple": (*NAMES[1:].tolist(), 2.0),
}


@pytest.mark.parametrize("kind", MIXED)
def test_labels_of_mixed_types_are_a_clear_error(kind, X, make_classifier):
    with pytest.raises(ValueError, match=r"^y mixes .*str.*all strings or all numbers"):
        make_classifier().fit(X, MIXED[kind])


def test_labels_of_three_axes_are_an_error(X, make_classifier):
    with pytest.raises(ValueError, match=r"y has shape \(60, 3, 2\)"):
        make_classifier().fit(X, np.zeros((N, 3, 2), int))


def test_measured_values_are_no_labels(X, make_classifier):
    with pytest.raises(ValueError, match="continuous"):
        make_classifier().fit(X, np.linspace(0, 1, N))


def test_a_missing_y_is_an_error_that_names_it(X, make_classifier):
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        make_classifier().fit(X, None)


@pytest.mark.parametrize("label", [3, "cat", True])
def test_one_class_alone_is_predicted_with_probability_1(label, X, make_classifier):
    model = make_classifier().fit(X, [label] * N)
    assert model.classes_.tolist() == [label]
    assert model.predict(X).tolist() == [label] * N
    np.testing.assert_array_equal(model.predict_proba(X), np.ones((N, 1)))
    np.testing.assert_array_equal(model.predict_log_proba(X), np.zeros((N, 1)))
    assert model.decision_function(X).shape == (N,)
    assert model.loss_ == 0


def test_numbers_in_an_object_array_can_be_scored(digits, make_classifier):
    X, y = digits
    model = make_classifier().fit(X, y.astype(object))
    assert model.score(X, y.astype(object)) == model.score(X, y)


@pytest.mark.parametrize(
    ("classes", "labels", "expected"),
    [
        (np.array(["ape", "cat"]), ["catfish", 3], ["ape", "cat", "catfish"]),
        (np.array(["ape", "cat"], object), ["catfish"], ["ape", "cat", "catfish"]),
        (np.array([1, 2]), [1.5, "a"], [1, 1.5, 2]),
        (np.array([1, 2], np.int8), [300], [1, 2, 300]),
        (np.array([1.5]), [], [1.5]),
    ],
)
def test_labels_that_are_added_keep_their_value(classes, labels, expected):
    assert with_labels(classes, labels).tolist() == expected
