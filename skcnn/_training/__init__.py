"""From a network to a trained one, and what it predicts; imported by `_estimator`."""
