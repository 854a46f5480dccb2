"""From what users pass to standardized mini-batches; imported by `_estimator` and `_training`."""
