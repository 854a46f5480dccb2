"""
Honest probabilities
====================

A network is right less often than its probabilities say. ``calibrate=True`` divides all logits by
one temperature, which minimizes the loss on validation images after training (Guo, Pleiss, Sun,
Weinberger. On Calibration of Modern Neural Networks. ICML 2017). It changes no predicted label.

3,000 Fashion-MNIST images for training, 1,000 for the temperature, 5,000 to look at. Set
``SKCNN_EXAMPLE_SIZE=small`` for a run on a tenth of them.
"""

import os

import matplotlib.pyplot as plt
from sklearn.calibration import CalibrationDisplay
from sklearn.metrics import log_loss

from skcnn import ScratchCNNClassifier
from skcnn.datasets import load_fashion_mnist

small = os.environ.get("SKCNN_EXAMPLE_SIZE") == "small"

X, y = load_fashion_mnist(return_X_y=True)
n = 100 if small else 1000
X_train, y_train = X[: 3 * n], y[: 3 * n]
X_val, y_val = X[3 * n : 4 * n], y[3 * n : 4 * n]
X_test, y_test = X[4 * n : 9 * n], y[4 * n : 9 * n]

# %%
# The default network, which has dropout, and one without, which is surer of itself.
more = {"max_iter": 2} if small else {}
networks = {
    "default": {},
    "two blocks, no dropout": {"n_filters": (16, 32), "dropout": 0.0, "max_iter": 15},
}
figure, axes = plt.subplots(1, 2, figsize=(10, 4.5), sharey=True)
print(f"{'':36}accuracy  mean top probability  log loss  temperature")
for (name, parameters), ax in zip(networks.items(), axes, strict=True):
    for calibrate in (False, True):
        model = ScratchCNNClassifier(**{**parameters, **more}, calibrate=calibrate, random_state=0)
        model.fit(X_train, y_train, X_val=X_val, y_val=y_val)
        probabilities = model.predict_proba(X_test)
        top, right = probabilities.max(axis=1), model.predict(X_test) == y_test
        label = "with a temperature" if calibrate else "as trained"
        print(
            f"{name + ', ' + label:<44}{right.mean():.3f} {top.mean():21.3f} "
            f"{log_loss(y_test, probabilities, labels=model.classes_):9.3f} "
            f"{model.temperature_ if calibrate else 1:12.2f}"
        )
        CalibrationDisplay.from_predictions(
            right, top, n_bins=10, strategy="quantile", name=label, ax=ax
        )
    ax.set(title=name, xlabel="probability of the predicted label", ylabel="fraction that is right")
    ax.set(xlim=(0.3, 1.02), ylim=(0.3, 1.02))
figure.tight_layout()
figure.savefig("probabilities.png", dpi=120)
print("saved probabilities.png")
