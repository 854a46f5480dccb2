"""The networks that are measured, as parameters of ScratchCNNClassifier."""

from typing import Any

from skcnn import ScratchCNNClassifier

LEARNING_RATE = 1e-3

NETWORKS: dict[str, dict[str, Any]] = {
    "seed": {"n_filters": (1,), "filter_size": 6, "padding": "valid"},
    "small8": {"n_filters": (8,), "filter_size": 3, "padding": "same"},
    "lenet": {
        "n_filters": (16, 32),
        "filter_size": 5,
        "padding": "same",
        "hidden_layer_sizes": (128,),
    },
    "keras": {"n_filters": (32, 64), "filter_size": 3, "padding": "valid"},
}


def classifier(network: str, threads: int | None = 1, **parameters: Any) -> ScratchCNNClassifier:
    """Return an estimator for input that is standardized already."""
    return ScratchCNNClassifier(
        **NETWORKS[network],
        pool_size=2,
        standardize=False,
        learning_rate=LEARNING_RATE,
        alpha=0.0,
        n_jobs=threads,
        random_state=0,
    ).set_params(**parameters)
