"""What a fit needs to know of y, whatever y is."""

from dataclasses import fields

import pytest

from skcnn._estimator.class_targets import ClassTargets
from skcnn._estimator.number_targets import NumberTargets
from skcnn._estimator.targets import Targets


@pytest.mark.parametrize("kind", [ClassTargets, NumberTargets])
def test_both_kinds_of_targets_know_all_that_a_fit_asks(kind):
    asked = {name for name in vars(Targets) if name[0] != "_"}
    assert len(asked) >= 10
    assert asked <= {*dir(kind), *(part.name for part in fields(kind))}
    assert kind.__dataclass_params__.frozen
