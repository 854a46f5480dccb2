"""Accuracy and time on signals and spectra that come with fixed splits.

``python -m examples.benchmarks.signals FOLDER`` fits the default estimators and the documented ones
with three seeds. ArrowHead, OSULeaf, ACSF1 and JapaneseVowels lie in the wheel of the package
`aeon` (``pip download aeon --no-deps``, unpack it into FOLDER); nothing of it is run. The spectra
of the Tecator meat analyzer come with the R package `caret` (Debian's ``r-cran-caret``, unpacked
into FOLDER, too) and are read by `rdata` (``pip install rdata``). Parameters were chosen by
cross-validation within the training samples, which ``--validate`` prints instead.

``--architectures`` fits `fcn`, `resnet1d` and `inception_time` as their authors do, with
mini-batches of 16 and Adam, but in 60 to 200 epochs with a cosine schedule in place of 1,500 to
2,000, and prints the published means beside.
"""

from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import KFold, StratifiedKFold

from skcnn import ScratchCNNClassifier, ScratchCNNRegressor

Split = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]

PROBLEMS = {
    "ArrowHead": "ArrowHead",
    "OSULeaf": "OSULeaf",
    "ACSF1": "ACSF1",
    "JapaneseVowels": "JapaneseVowels_eq",  # of equal lengths
}
# What the defaults of 0.1.0 come to.
BEFORE = {
    "n_filters": (16, 32),
    "filter_size": 5,
    "pool_size": 2,
    "batch_norm": False,
    "global_pooling": None,
    "dropout": 0.0,
}
CLASSIFIERS = {
    "before": ScratchCNNClassifier(**BEFORE, max_iter=15),
    "default": ScratchCNNClassifier(),
    "documented": ScratchCNNClassifier(
        n_filters=(32, 64, 128),
        filter_size=(9, 9, 5),
        batch_norm=True,
        global_pooling="average",
        batch_size=16,
        max_iter=150,
    ),
}
ARCHITECTURES = {
    name: ScratchCNNClassifier(layers=name, batch_size=16)
    for name in ("fcn", "resnet1d", "inception_time")
}
EPOCHS = {"ArrowHead": 200, "OSULeaf": 100, "ACSF1": 60, "JapaneseVowels": 60}
# Means over five runs (ten for JapaneseVowels, one for inception_time there): Ismail Fawaz,
# Forestier, Weber et al. Deep learning for time series classification: a review, 2019, and
# InceptionTime, 2020, single networks; files of results of both.
PUBLISHED = {
    "fcn": (0.843, 0.979, 0.898, 0.993),
    "resnet1d": (0.838, 0.980, 0.916, 0.992),
    "inception_time": (0.847, 0.925, 0.896, 0.992),
}
REGRESSORS = {
    "before": ScratchCNNRegressor(**BEFORE, max_iter=20),
    "default": ScratchCNNRegressor(),
    "documented": ScratchCNNRegressor(
        standardize="pixel", pooling="average", hidden_layer_sizes=64, max_iter=200
    ),
}


def read_series(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return samples of shape (n, length, channels) and labels of a file of the ``ts`` format."""
    lines = path.read_text("utf-8").splitlines()
    begin = next(number for number, line in enumerate(lines) if line.lower().strip() == "@data")
    rows = [line.strip().split(":") for line in lines[begin + 1 :] if line.strip()]
    X = [[np.array(channel.split(","), float) for channel in row[:-1]] for row in rows]
    return np.moveaxis(np.array(X), 1, 2), np.array([row[-1] for row in rows])


def series(folder: Path, name: str) -> Split:
    """Return training samples and labels, test samples and labels."""
    start = folder / "aeon/datasets/data" / name / PROBLEMS[name]
    parts = (read_series(Path(f"{start}_{part}.ts")) for part in ("TRAIN", "TEST"))
    X, y, X_test, y_test = (array for part in parts for array in part)
    return X, y, X_test, y_test


def spectra(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return absorbances at 100 wavelengths and the percentage of fat."""
    import rdata

    (path,) = folder.rglob("tecator.RData")
    tables = rdata.read_rda(path)
    return np.asarray(tables["absorp"]), np.asarray(tables["endpoints"])[:, 1]


def folds_of(X: np.ndarray, y: np.ndarray, seed: int) -> Iterator[Split]:
    """Yield four splits of training samples."""
    for fit, held_out in StratifiedKFold(4, shuffle=True, random_state=seed).split(X, y):
        yield X[fit], y[fit], X[held_out], y[held_out]


def classify(
    folder: Path, models: dict[str, ScratchCNNClassifier], *, validate: bool, n_seeds: int
) -> None:
    """Print accuracies and seconds of fits, and the mean over problems."""
    for kind, model in models.items():
        means = []
        for number, name in enumerate(PROBLEMS):
            X, y, X_test, y_test = series(folder, name)
            results = []
            for seed in range(n_seeds):
                splits = folds_of(X, y, seed) if validate else [(X, y, X_test, y_test)]
                for X_fit, y_fit, X_other, y_other in splits:
                    start = perf_counter()
                    fitted = clone(model).set_params(
                        image_shape=(1, *X.shape[1:]),
                        random_state=seed,
                    )
                    if kind in ARCHITECTURES:
                        fitted.set_params(max_iter=EPOCHS[name])
                    fitted.fit(X_fit.reshape(len(X_fit), -1), y_fit)
                    seconds = perf_counter() - start
                    score = fitted.score(X_other.reshape(len(X_other), -1), y_other)
                    results.append((score, seconds, fitted.loss_curve_[0] / np.log(len(set(y)))))
            score, seconds, first = np.mean(results, axis=0)
            means.append(score)
            more = f", published {PUBLISHED[kind][number]:.3f}" if kind in PUBLISHED else ""
            print(
                f"{kind:14} {name:15} {score:.3f}{more}  fit {seconds:.1f} s, first epoch's loss "
                f"over that of chance {first:.2f}",
                flush=True,
            )
        print(f"{kind:14} {'mean':15} {np.mean(means):.3f}", flush=True)


def regress(folder: Path, n_seeds: int) -> None:
    """Print the error of predictions of five folds."""
    X, y = spectra(folder)
    for kind, model in REGRESSORS.items():
        errors, seconds = [], []
        for seed in range(n_seeds):
            squares = []
            for fit, held_out in KFold(5, shuffle=True, random_state=seed).split(X):
                start = perf_counter()
                fitted = clone(model).set_params(image_shape=100, random_state=seed)
                fitted.fit(X[fit], y[fit])
                seconds.append(perf_counter() - start)
                squares.append((fitted.predict(X[held_out]) - y[held_out]) ** 2)
            errors.append(np.sqrt(np.concatenate(squares).mean()))
        print(
            f"{kind:14} {'Tecator':15} RMSE {np.mean(errors):.2f} ({min(errors):.2f} to "
            f"{max(errors):.2f})  fit {np.mean(seconds):.1f} s",
            flush=True,
        )


def main() -> None:
    """Read the command line and print all figures."""
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where aeon and caret are unpacked")
    parser.add_argument("--validate", action="store_true", help="within the training samples")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--architectures", nargs="*", choices=ARCHITECTURES, help="these alone")
    arguments = parser.parse_args()
    if arguments.architectures is None:
        regress(arguments.folder, arguments.seeds)
        models = CLASSIFIERS
    else:
        names = arguments.architectures or ARCHITECTURES
        models = {name: ARCHITECTURES[name] for name in names}
    classify(arguments.folder, models, validate=arguments.validate, n_seeds=arguments.seeds)


if __name__ == "__main__":
    main()
