"""Honest probabilities: one temperature for all logits, fitted on held-out samples."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from skcnn._data.samples import Data
from skcnn._engine.blas import with_one_blas_thread
from skcnn._engine.numpy_settings import with_numpy_settings
from skcnn._engine.threads import thread_count
from skcnn._engine.workspace import Workspace
from skcnn._estimator.fitted import Fitted
from skcnn._training.prediction import outputs_of

# Temperatures are between one over this and this: without a wrong prediction among the held-out
# samples the best would be 0.
MOST = 20.0


def check_can_calibrate(estimator: Any, held_out: Data | None) -> None:
    """Raise a ValueError if there are no samples to calibrate with."""
    if getattr(estimator, "calibrate", False) and held_out is None:
        raise ValueError(
            "calibrate=True needs samples that are not trained on. Pass X_val and y_val, or set "
            "early_stopping=True, which holds some out."
        )


def calibrated(estimator: Any, fitted: Fitted, held_out: Data | None) -> Fitted:
    """Return the model with a temperature, if the estimator asks for it.

    The temperature minimizes the loss of held-out samples, weighted as in validation, whose logits
    are divided by it.

    References
    ----------
    Guo, Pleiss, Sun, Weinberger. On Calibration of Modern Neural Networks. ICML 2017.
    """
    if not getattr(estimator, "calibrate", False):
        return fitted
    assert held_out is not None
    samples = fitted.samples(held_out, "y_val")
    n_threads = thread_count(estimator.n_jobs)
    outputs = with_one_blas_thread(lambda: outputs_of(fitted.network, samples.images, n_threads))
    logits = outputs.astype(np.float64)
    loss, n = fitted.targets.loss.measured, len(samples)
    scale = 1 / n if samples.weights is None else samples.weights / n

    def loss_at(log_temperature: float) -> float:
        scaled = logits / exp(log_temperature)
        value, _ = loss.value_and_gradient(scaled, samples.targets, scale, Workspace())
        return value

    bounds = (-log(MOST), log(MOST))
    options = {"xatol": 1e-6}
    best = with_numpy_settings(
        lambda: minimize_scalar(loss_at, bounds=bounds, method="bounded", options=options),
        all="ignore",
    )
    return replace(fitted, temperature=exp(best.x))
