"""
Searching filter size, pool size and learning rate
==================================================

The network in a Pipeline, searched with two workers on the digits that scikit-learn bundles. Prints
each fit as it ends and a table, and saves a picture, ``grid_search.png``.

Set ``SKCNN_EXAMPLE_SIZE=small`` for a smaller search.
"""

import os
from time import perf_counter

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler

from skcnn import ScratchCNNClassifier

small = os.environ.get("SKCNN_EXAMPLE_SIZE") == "small"

X, y = load_digits(return_X_y=True)  # 1,797 images of 8x8, flat
X = X.astype("float32")  # half the time of float64
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
if small:
    X_train, y_train = X_train[:300], y_train[:300]

# %%
# Parameters of a step are searched by their usual names.
pipeline = Pipeline(
    [
        ("scale", MinMaxScaler()),
        ("network", ScratchCNNClassifier(max_iter=3 if small else 10, random_state=0)),
    ]
)
grid = {
    "network__filter_size": [2, 3] if small else [2, 3, 5],
    "network__pool_size": [1, 2],
    "network__learning_rate": [2e-3] if small else [1e-3, 5e-3],
}
search = GridSearchCV(pipeline, grid, cv=3, n_jobs=2, verbose=2)  # 2: a line for each fit

if __name__ == "__main__":  # worker processes may import this file
    duration = "some seconds" if small else "about half a minute"
    print(f"A grid search on {len(X_train)} digits with two workers, {duration} on two cores:")
    start = perf_counter()
    search.fit(X_train, y_train)
    seconds = perf_counter() - start
    results = search.cv_results_
    order = results["rank_test_score"].argsort()
    print("cross-validated accuracy, best first")
    for i in order:
        values = {name.removeprefix("network__"): v for name, v in results["params"][i].items()}
        print(f"{results['mean_test_score'][i]:.4f}  {values}")
    print(f"{len(order)} points x 3 folds in {seconds:.1f} s with two workers")
    print(f"accuracy on held-out digits: {search.score(X_test, y_test):.4f}")

    # %%
    # Every point of the grid, with the spread over the folds.
    labels = [", ".join(map(str, results["params"][i].values())) for i in order[::-1]]
    figure, axes = plt.subplots(figsize=(7, 1 + 0.3 * len(order)), layout="constrained")
    scores, spread = results["mean_test_score"][order[::-1]], results["std_test_score"][order[::-1]]
    axes.errorbar(scores, labels, xerr=spread, fmt="o")
    axes.set(xlabel="cross-validated accuracy", title=", ".join(values))
    figure.savefig("grid_search.png")
    print("saved grid_search.png: accuracy and its spread for each point")
