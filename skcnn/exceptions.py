"""Warnings that have a class of their own."""

__all__ = ["ImageShapeWarning"]


class ImageShapeWarning(UserWarning):
    """X may hold other images than those that it was read as.

    A fit gives it at most once, and only where it had to guess: never with `image_shape`. The
    message says how X was read and what to pass otherwise. To be sure that a guess is right, make
    it an error: ``warnings.simplefilter("error", ImageShapeWarning)``.
    """
