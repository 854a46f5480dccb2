"""ScratchCNNClassifier: what its parameters and attributes mean; tests/behavior has the rest."""

import copy
import os
import pickle
import re
from concurrent.futures import ThreadPoolExecutor
from inspect import signature

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_info

from skcnn import ScratchCNNClassifier
from skcnn.layers import Conv, Dense, Flatten, Logistic, MaxPool, ReLU, Tanh
from skcnn.optimizers import SGD, Adam
from tests.support.estimators import assert_same_bits, make_classifier

ALL_METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function")


# Randomness


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"n_filters": (4, 6), "hidden_layer_sizes": (10,), "dropout": 0.3},
        {"solver": "sgd", "pooling": "average", "activation": "tanh"},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_same_random_state_gives_the_same_bits(parameters, dtype, digits):
    X, y = digits[0].astype(dtype), digits[1]
    one, other = (make_classifier(**parameters).fit(X, y) for _ in range(2))
    assert_same_bits(one, other, X)
    assert_same_bits(one.fit(X, y), other, X)  # a second fit of the same object
    assert_same_bits(clone(one).fit(X, y), other, X)


def test_other_random_states_give_other_networks(digits):
    seeds = [0, 1, None, None, np.random.RandomState(0), np.random.RandomState(1)]
    drawn = {
        make_classifier(random_state=seed, max_iter=1).fit(*digits).network_.parameters.tobytes()
        for seed in seeds
    }
    assert len(drawn) == 4  # an instance, as yet unused, is the same as its seed


def test_a_random_state_instance_is_drawn_from_but_not_retained(digits):
    instance = np.random.RandomState(0)
    model = make_classifier(random_state=instance)
    model.fit(*digits).partial_fit(*digits)
    assert b"randomstate" in pickle.dumps(model)
    assert b"randomstate" not in pickle.dumps(copy.copy(model).set_params(random_state=None))
    first = model.network_.parameters.copy()
    model.fit(*digits)  # the instance has moved on
    assert not np.array_equal(first, model.network_.parameters)
    # and partial_fit draws nothing from it
    before = instance.get_state()[1].tobytes(), instance.get_state()[2]
    model.partial_fit(*digits)
    model.predict(digits[0])
    assert (instance.get_state()[1].tobytes(), instance.get_state()[2]) == before


def test_global_generator_is_never_touched(digits):
    def state():
        kind, keys, *rest = np.random.get_state()  # noqa: NPY002  # the generator that is meant
        return kind, keys.tobytes(), *rest

    before = state()
    model = make_classifier(dropout=0.3, random_state=5).fit(*digits)
    model.partial_fit(*digits).predict_proba(digits[0])
    assert state() == before


def test_initial_weights_do_not_depend_on_the_number_of_samples(digits):
    X, y = digits
    still = {"learning_rate": 1e-300, "dtype": "float64"}
    few, many = (make_classifier(**still).fit(X[:n], y[:n]) for n in (100, 300))
    np.testing.assert_allclose(
        few.network_.parameters, many.network_.parameters, rtol=0, atol=1e-200
    )


# Learning


def test_learns_the_digits(digits):
    X, y = digits
    model = make_classifier(n_filters=8, max_iter=20).fit(X[:200], y[:200])
    assert model.score(X[:200], y[:200]) == 1
    assert model.score(X[200:], y[200:]) > 0.8


@pytest.mark.parametrize("n_classes", [2, 10])
def test_methods_agree_with_each_other(n_classes, digits):
    X, y = digits
    X, y = X[y < n_classes], y[y < n_classes]
    model = make_classifier().fit(X, y)
    p, scores, labels = model.predict_proba(X), model.decision_function(X), model.predict(X)
    np.testing.assert_array_equal(model.classes_[p.argmax(axis=1)], labels)
    np.testing.assert_allclose(model.predict_log_proba(X), np.log(p), rtol=1e-4, atol=1e-5)
    if n_classes == 2:
        assert scores.shape == (len(X),)
        np.testing.assert_array_equal(model.classes_[(scores > 0).astype(int)], labels)
        np.testing.assert_allclose(p[:, 1], 1 / (1 + np.exp(-scores)), rtol=1e-4, atol=1e-6)
    else:
        assert scores.shape == p.shape
        exponential = np.exp(scores - scores.max(axis=1, keepdims=True))
        np.testing.assert_allclose(
            p, exponential / exponential.sum(axis=1, keepdims=True), rtol=1e-4, atol=1e-7
        )
    assert model.score(X, y) == np.mean(labels == y)


@pytest.mark.parametrize("n", [1, 63, 64, 65, 200])
def test_a_prediction_does_not_depend_on_its_neighbors(n, digits, model_of_float64):
    X = digits[0]
    whole = model_of_float64.predict_proba(X)
    np.testing.assert_allclose(model_of_float64.predict_proba(X[:n]), whole[:n], rtol=1e-10)


@pytest.fixture(scope="module")
def model_of_float64(digits):
    return make_classifier().fit(digits[0].astype(np.float64), digits[1])


def test_attributes_after_fit(digits):
    X, y = digits
    model = make_classifier(max_iter=3)
    assert model.fit(X, y) is model
    assert model.classes_.tolist() == list(range(10))
    assert model.n_features_in_ == 64
    assert not hasattr(model, "feature_names_in_")
    assert model.image_shape_ == (8, 8)
    assert model.n_iter_ == 3
    assert model.loss_ == model.loss_curve_[-1]
    assert model.network_.shapes[0] == (8, 1, 8)


@pytest.mark.parametrize("method", ALL_METHODS)
def test_an_unfitted_model_says_so(method, digits):
    with pytest.raises(NotFittedError):
        getattr(ScratchCNNClassifier(), method)(digits[0])
    with pytest.raises(NotFittedError):
        ScratchCNNClassifier().summary()


# Epochs


def test_history_has_one_record_an_epoch(digits):
    model = make_classifier(max_iter=4, learning_rate=0.003).fit(*digits)
    assert len(model.history_) == model.n_iter_ == 4
    for record in model.history_:
        assert set(record) == {"loss", "accuracy", "learning_rate", "seconds"}
        assert record["learning_rate"] == 0.003
        assert 0 <= record["accuracy"] <= 1
        assert 0 < record["seconds"] < 10
    assert model.loss_curve_ == [record["loss"] for record in model.history_]


def test_verbose_prints_a_line_an_epoch(digits, capsys):
    model = make_classifier(max_iter=3, verbose=1).fit(*digits)
    model.partial_fit(*digits)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    for number, (line, record) in enumerate(zip(lines, model.history_, strict=True), start=1):
        loss, accuracy = f"{record['loss']:.4f}", f"{record['accuracy']:.4f}"
        assert re.fullmatch(rf"Epoch {number}: loss {loss}, accuracy {accuracy}, \d+\.\d\d s", line)


def test_nothing_is_printed_by_default(digits, capsys):
    make_classifier().fit(*digits).predict(digits[0])
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


# Parameters


def test_one_value_is_the_same_as_a_tuple_with_it_for_each_block(digits):
    single = {"filter_size": 3, "pool_size": 2, "stride": 1, "padding": "same"}
    one = make_classifier(n_filters=(3, 4), **single).fit(*digits)
    each = {name: (value, value) for name, value in single.items()}
    assert_same_bits(one, make_classifier(n_filters=(3, 4), **each).fit(*digits), digits[0])
    nested = {
        "filter_size": ((3, 3), 3),
        "pool_size": (2, (2, 2)),
        "stride": ((1, 1), (1, 1)),
        "padding": ("same", "same"),
    }
    assert_same_bits(one, make_classifier(n_filters=[3, 4], **nested).fit(*digits), digits[0])


def test_an_integer_number_of_filters_is_one_block(digits):
    models = [make_classifier(n_filters=n).fit(*digits) for n in (5, (5,), [5], np.int64(5))]
    for model in models[1:]:
        assert_same_bits(models[0], model, digits[0])
    one, other = (make_classifier(hidden_layer_sizes=n).fit(*digits) for n in (7, (7,)))
    assert_same_bits(one, other, digits[0])


def test_blocks_may_differ_in_every_parameter(digits):
    model = make_classifier(
        n_filters=(2, 3),
        filter_size=((3, 5), 2),
        pool_size=((1, 2), 1),
        stride=(1, (2, 1)),
        padding=("same", "valid"),
        activation="tanh",
    ).fit(*digits)
    weights = [views["weights"].shape for views in model.network_.views() if "weights" in views]
    assert weights == [(3, 5, 1, 2), (2, 2, 2, 3), (4 * 3 * 3, 10)]
    assert (8, 2, 4) in model.network_.shapes
    assert (4, 3, 3) in model.network_.shapes


def test_explicit_padding_is_nested_once_for_a_block_and_once_for_an_axis(digits):
    model = make_classifier(
        n_filters=(2, 2), padding=(1, ((0, 1), 2)), pool_size=1, activation="tanh"
    ).fit(*digits)
    assert model.network_.shapes[1] == (8, 2, 8)
    assert (8 + 1 - 2, 2, 8 + 4 - 2) in model.network_.shapes


def test_wide_stride_and_valid_padding_shrink_the_maps(digits):
    model = make_classifier(n_filters=2, filter_size=3, stride=2, padding="valid", pool_size=1)
    assert model.fit(*digits).network_.shapes[1] == (3, 2, 3)
    model.set_params(padding="same").fit(*digits)
    assert model.network_.shapes[1] == (4, 2, 4)


def test_hidden_layers_and_dropout_stand_where_they_are_said_to(digits):
    model = make_classifier(hidden_layer_sizes=(9, 7), dropout=0.25).fit(*digits)
    names = [str(layer).partition("(")[0] for layer in model.network_.layers]
    after = names[names.index("Flatten") :]
    hidden = ["Dropout", "Dense", "ReLU"]
    assert after == ["Flatten", *hidden, *hidden, "Dropout", "Dense"]
    assert model.network_.shapes[-1] == (10,)


def test_given_layers_replace_the_blocks(digits):
    body = [Conv(3, 3), MaxPool(2), ReLU(), Flatten(), Dense(9), ReLU()]
    model = make_classifier(layers=body, n_filters=99, hidden_layer_sizes=(99,)).fit(*digits)
    assert [*model.network_.layers[:-1]] == body
    assert model.network_.shapes[-1] == (10,)
    assert_same_bits(model, make_classifier(layers=tuple(body)).fit(*digits), digits[0])


def test_given_layers_are_flattened_if_they_are_not(digits):
    model = make_classifier(layers=[Conv(2, 3)]).fit(*digits)
    assert [type(layer) for layer in model.network_.layers] == [Conv, Flatten, Dense]
    model = make_classifier(layers=[]).fit(*digits)
    assert [type(layer) for layer in model.network_.layers] == [Flatten, Dense]


@pytest.mark.parametrize(
    ("parameter", "name", "instance"),
    [
        ("solver", "adam", Adam()),
        ("solver", "sgd", SGD()),
        ("activation", "relu", ReLU()),
        ("activation", "tanh", Tanh()),
        ("activation", "logistic", Logistic()),
    ],
    ids=str,
)
def test_a_name_is_the_same_as_an_instance(parameter, name, instance, digits):
    models = (make_classifier(**{parameter: value}).fit(*digits) for value in (name, instance))
    assert_same_bits(*models, digits[0])


def test_solver_instances_differ_by_their_parameters(digits):
    solvers = [SGD(0.0), SGD(0.9), SGD(0.9, nesterov=False), Adam(), Adam(beta_1=0.5)]
    trained = {
        make_classifier(solver=solver).fit(*digits).network_.parameters.tobytes()
        for solver in solvers
    }
    assert len(trained) == len(solvers)


def test_weight_decay_shrinks_the_weights(digits):
    plain, decayed = (
        make_classifier(max_iter=5, alpha=alpha).fit(*digits).network_ for alpha in (0.0, 5.0)
    )
    where = plain.decayed
    assert np.linalg.norm(decayed.parameters[where]) < 0.6 * np.linalg.norm(plain.parameters[where])


@pytest.mark.filterwarnings("ignore:The fit has learned nothing")
def test_clone_after_fit_keeps_no_fitted_state(digits):
    parameters = {
        "solver": SGD(0.5),
        "activation": Tanh(),
        "layers": [Conv(2, 3), Tanh()],
        "image_shape": [8, 8],
    }
    model = make_classifier(**parameters)
    untouched = pickle.dumps(clone(model))
    model.fit(*digits).partial_fit(*digits)
    copy_ = clone(model)
    assert set(vars(copy_)) == set(signature(ScratchCNNClassifier).parameters)
    assert pickle.dumps(copy_) == untouched
    with pytest.raises(NotFittedError):
        copy_.predict(digits[0])


def test_fit_does_not_change_parameters(digits):
    parameters = {"n_filters": [3, 3], "layers": None, "image_shape": [8, 8], "solver": "sgd"}
    model = make_classifier(**parameters)
    before = copy.deepcopy(model.get_params())
    identities = {name: id(value) for name, value in vars(model).items()}
    model.fit(*digits).partial_fit(*digits)
    assert model.get_params() == before
    assert {name: id(getattr(model, name)) for name in before} == identities


def test_nested_set_params_reaches_through_a_pipeline(digits):
    pipeline = make_pipeline(StandardScaler(), make_classifier())
    pipeline.set_params(scratchcnnclassifier__n_filters=(5, 2), scratchcnnclassifier__max_iter=1)
    pipeline.fit(*digits)
    shapes = pipeline[-1].network_.shapes
    assert (4, 5, 4) in shapes
    assert (2, 2, 2) in shapes
    assert pipeline[-1].n_iter_ == 1


# Around it


def test_concurrent_fits_and_predictions_equal_serial_ones(digits):
    X, y = digits

    def work(seed):
        model = make_classifier(random_state=seed, n_filters=(4, 4)).fit(X, y)
        parts = [X[start : start + 150] for start in range(0, 150, 10)]
        return model, [model.predict_proba(part) for part in parts]

    serial = [work(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        threaded = list(pool.map(work, range(4)))
        model = serial[0][0]
        again = list(
            pool.map(lambda start: model.predict_proba(X[start : start + 150]), range(0, 150, 10))
        )
    np.testing.assert_array_equal(again, serial[0][1])
    for (one, parts), (other, other_parts) in zip(serial, threaded, strict=True):
        assert_same_bits(one, other, X)
        np.testing.assert_array_equal(parts, other_parts)


@pytest.mark.usefixtures("two_blas_threads")
def test_number_of_blas_threads_is_the_same_after_as_before(digits):
    def threads():
        return [(pool["filepath"], pool["num_threads"]) for pool in threadpool_info()]

    before = threads()
    assert {n for _, n in before} >= {2}
    model = make_classifier().fit(*digits)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: model.predict(digits[0]), range(20)))
    with pytest.raises(ValueError, match="labels"):
        model.partial_fit(digits[0], digits[1] + 5)
    with pytest.raises(ValueError, match="diverged"):
        make_classifier(learning_rate=1e38).fit(*digits)
    assert threads() == before


def test_fit_writes_no_file(digits, tmp_path, monkeypatch):
    folders = [tmp_path / name for name in ("here", "home", "temporary")]
    for folder in folders:
        folder.mkdir()
    monkeypatch.chdir(folders[0])
    monkeypatch.setenv("HOME", str(folders[1]))
    monkeypatch.setenv("TMPDIR", str(folders[2]))
    make_classifier(verbose=1).fit(*digits).partial_fit(*digits).predict(digits[0])
    assert [os.listdir(folder) for folder in folders] == [[], [], []]


def test_a_data_frame_leaves_its_column_names_and_raises_no_warning(digits):
    X, y = digits
    frame = pd.DataFrame(X, columns=[f"pixel {j}" for j in range(64)])
    model = make_classifier(verbose=0).fit(frame, y).partial_fit(frame, y)
    assert model.feature_names_in_.tolist() == list(frame.columns)
    for method in ALL_METHODS:
        getattr(model, method)(frame)
    model.score(frame, y)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame.rename(columns={"pixel 0": "0"}))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(X)


@pytest.mark.parametrize("method", ALL_METHODS)
def test_another_number_of_features_is_scikit_learns_error(method):
    X, y = np.random.default_rng(0).normal(size=(20, 4)), np.arange(20) % 2
    model = make_classifier().fit(X, y)
    expected = r"^X has 3 features, but ScratchCNNClassifier is expecting 4 features as input"
    with pytest.raises(ValueError, match=expected):
        getattr(model, method)(X[:, :3])
    with pytest.raises(ValueError, match=expected):
        model.partial_fit(X[:, :3], y)


def test_html_representation_never_raises(digits, classifier):
    for model in (
        make_classifier(),
        classifier,
        make_classifier(solver=SGD(), layers=[Conv(2, 3)], activation=Tanh()).fit(*digits),
        make_pipeline(StandardScaler(), make_classifier()).fit(*digits),
    ):
        assert "ScratchCNNClassifier" in model._repr_html_()
        assert "ScratchCNNClassifier" in repr(model)


def test_every_public_attribute_can_be_read(classifier):
    for model in (make_classifier(), classifier):
        for name in dir(model):
            if not name.startswith("_"):
                getattr(model, name, None)


def test_summary_lists_layers_shapes_and_parameter_counts(digits):
    model = make_classifier(n_filters=(3, 4), hidden_layer_sizes=(5,)).fit(*digits)
    summary = model.summary()
    lines = summary.splitlines()
    for text in ("layer", "output shape", "parameters"):
        assert text in lines[0]
    assert "(8, 8, 1)" in summary
    assert "(4, 4, 3)" in summary
    assert "(2, 2, 4)" in summary
    assert "(16,)" in summary
    counts = 3 * 9 + 3, 4 * 27 + 4, 16 * 5 + 5, 5 * 10 + 10
    assert lines[-1].split() == ["total", str(sum(counts))]
    listed = [line.split()[-1] for line in lines[2:-2]]
    assert sum(int(number) for number in listed if number.isdigit()) == sum(counts)
    assert sum(counts) == model.network_.parameters.size
    assert all(line == line.rstrip() or len(line) == len(lines[0]) for line in lines)


def test_with_cosine_the_rate_of_fit_falls_and_that_of_partial_fit_does_not(digits):
    X, y = digits
    model = make_classifier(learning_rate_schedule="cosine", learning_rate=0.01, max_iter=4)
    model.fit(X, y)
    steps = 0.01 * (1 + np.cos(np.pi * np.arange(4) / 4)) / 2
    assert [record["learning_rate"] for record in model.history_] == pytest.approx(steps)
    model.partial_fit(X, y)
    assert model.history_[-1]["learning_rate"] == 0.01
    with pytest.raises(ValueError, match="learning_rate_schedule"):
        make_classifier(learning_rate_schedule="step").fit(X, y)
