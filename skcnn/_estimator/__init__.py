"""What scikit-learn sees of an estimator; imported by `classifier` and `regressor` only."""
