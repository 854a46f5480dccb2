"""
Saving the best model and using it in another process
=====================================================

A search, then ``joblib.dump``; a new Python process loads the file and predicts.
"""

import os
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skcnn import ScratchCNNClassifier

small = os.environ.get("SKCNN_EXAMPLE_SIZE") == "small"

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

# %%
# The best of a small search, saved.
network = ScratchCNNClassifier(max_iter=2 if small else 10, random_state=0)
grid = {"scratchcnnclassifier__learning_rate": [2e-3, 5e-3]}
search = GridSearchCV(make_pipeline(MinMaxScaler(), network), grid, cv=3)
search.fit(X_train, y_train)
joblib.dump(search.best_estimator_, "digits.joblib", compress=True)
n_weights = search.best_estimator_[-1].network_.parameters.size
size = Path("digits.joblib").stat().st_size
print(f"{search.best_params_}: {n_weights:,} weights, a file of {size / 1000:.0f} kB")

# %%
# A new process knows nothing but the file and the images.
np.save("images.npy", X_test)
program = """
import joblib, numpy as np
model = joblib.load("digits.joblib")
np.save("labels.npy", model.predict(np.load("images.npy")))
"""
subprocess.run([sys.executable, "-c", program], check=True)
labels = np.load("labels.npy")
assert np.array_equal(labels, search.predict(X_test))
print(f"accuracy in the new process: {(labels == y_test).mean():.4f}")
