"""
The exercise and the default network on Fashion-MNIST
======================================================

A published exercise trains one 6x6 filter, 2x2 max pooling and a softmax layer on the first 5,000
images, one image at a time, and tests on the next 5,000. The same network, and then the default
one, are trained here in seconds and a minute. Their parameters were chosen by cross-validation
within the 5,000 training images (``choose_defaults.py``).

Prints a table and a classification report, and saves a confusion matrix. Set
``SKCNN_EXAMPLE_SIZE=small`` for a run on 500 images.
"""

import os
from time import perf_counter

import matplotlib.pyplot as plt
from sklearn.metrics import ConfusionMatrixDisplay, classification_report

from skcnn import ScratchCNNClassifier
from skcnn.datasets import load_fashion_mnist

n = 500 if os.environ.get("SKCNN_EXAMPLE_SIZE") == "small" else 5000

# %%
# The training file is cut as in the exercise: training, test, and all the rest. The images stay
# 8-bit integers.
file = load_fashion_mnist(subset="train")
official = load_fashion_mnist(subset="test")
names = file.target_names
X_train, y_train = file.data[:n], file.target[:n]
tests = {
    "test": (file.data[n : 2 * n], file.target[n : 2 * n]),
    "rest of the file": (file.data[2 * n :], file.target[2 * n :]),
    "official test": (official.data, official.target),
}
print(f"training on {n:,}; " + ", ".join(f"{name}: {len(y):,}" for name, (_, y) in tests.items()))

# %%
# The exercise's architecture, with Adam on mini-batches in place of plain descent image by image.
exercise = ScratchCNNClassifier(
    n_filters=1,
    filter_size=6,
    padding="valid",
    pool_size=2,
    learning_rate=2e-3,
    alpha=0.1,
    batch_size=32,
    max_iter=20,
    random_state=1,  # the better of two by cross-validation: a single filter depends on its start
)
default = ScratchCNNClassifier(random_state=0)

# %%
# One table.
print(f"\n{'network':<12} {'fit':>7}  {'training':>8}  " + "  ".join(tests))
for name, model in {"exercise": exercise, "default": default}.items():
    start = perf_counter()
    model.fit(X_train, y_train)
    seconds = perf_counter() - start
    scores = [f"{model.score(X, y):>{len(part)}.4f}" for part, (X, y) in tests.items()]
    print(
        f"{name:<12} {seconds:>5.1f} s  {model.score(X_train, y_train):>8.4f}  {'  '.join(scores)}"
    )

# %%
# What the networks are made of.
print(f"\n{exercise.summary()}\n\n{default.summary()}\n")

# %%
# Where the default network errs.
X_test, y_test = tests["test"]
y_predicted = default.predict(X_test)
print(classification_report(y_test, y_predicted, target_names=names, zero_division=0))

figure, axes = plt.subplots(figsize=(7, 6.5))
ConfusionMatrixDisplay.from_predictions(
    y_test,
    y_predicted,
    labels=range(10),
    display_labels=names,
    xticks_rotation=60,
    cmap="Blues",
    colorbar=False,
    ax=axes,
)
axes.set_title(f"Default network, {n:,} Fashion-MNIST test images")
figure.tight_layout()
figure.savefig("fashion_mnist_confusion.png", dpi=120)
print("saved fashion_mnist_confusion.png")
