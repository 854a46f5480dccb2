import pickle

from skcnn.exceptions import ImageShapeWarning


def test_warnings_are_of_the_kind_that_is_shown_to_users_and_travel_between_processes():
    assert issubclass(ImageShapeWarning, UserWarning)
    warning = pickle.loads(pickle.dumps(ImageShapeWarning("read as")))
    assert isinstance(warning, ImageShapeWarning)
    assert str(warning) == "read as"
