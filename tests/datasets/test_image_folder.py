import subprocess
import sys
import warnings

import numpy as np
import pytest
from PIL import Image

from skcnn import ScratchCNNClassifier
from skcnn.datasets import image_folder, load_image_folder


def draw(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def save(folder, **files):
    """Save arrays as PNG, by class and number: cat_1 is cat/1.png."""
    for name, image in files.items():
        file = folder / f"{name.replace('_', '/')}.png"
        file.parent.mkdir(exist_ok=True)
        Image.fromarray(image).save(file)


@pytest.fixture
def folder(tmp_path):
    """Two cats and a dog, in color, 6 x 4, and what is none."""
    root = tmp_path / "animals"
    root.mkdir()
    save(root, dog_1=draw(6, 4, 3, seed=1), cat_2=draw(6, 4, 3, seed=2), cat_10=draw(6, 4, 3))
    (root / "README.txt").write_text("animals")
    (root / "cat" / "notes.txt").write_text("a cat")
    (root / "cat" / ".hidden.png").write_text("nothing")
    (root / ".hidden").mkdir()
    return root


def test_classes_and_files_are_sorted_by_name(folder):
    loaded = load_image_folder(folder)
    assert loaded.target_names == ["cat", "dog"]
    assert loaded.target.tolist() == [0, 0, 1]
    assert loaded.target.dtype == np.int64
    expected = [folder / "cat" / "10.png", folder / "cat" / "2.png", folder / "dog" / "1.png"]
    assert loaded.filenames == [str(file) for file in expected]
    assert loaded.data.dtype == np.uint8
    images = [draw(6, 4, 3), draw(6, 4, 3, seed=2), draw(6, 4, 3, seed=1)]
    assert np.array_equal(loaded.data, images)
    assert loaded.unreadable == {}


def test_a_pair_of_arrays_is_what_a_classifier_takes(folder):
    X, y = load_image_folder(str(folder), return_X_y=True)
    model = ScratchCNNClassifier(2, 3, max_iter=1, random_state=0).fit(X, y)
    assert model.image_shape_ == (6, 4, 3)


def test_gray_images_have_no_axis_of_channels(folder):
    X, _ = load_image_folder(folder, mode="L", return_X_y=True)
    assert X.shape == (3, 6, 4)
    red, green, blue = np.moveaxis(draw(6, 4, 3).astype(float), -1, 0)
    np.testing.assert_allclose(X[0], 0.299 * red + 0.587 * green + 0.114 * blue, atol=1)


@pytest.mark.parametrize("size", [(3, 2), [3, 2], np.array([3, 2])])
def test_images_are_resized_to_height_and_width(size, folder):
    flat = np.full((12, 9, 3), 77, dtype=np.uint8)
    save(folder, dog_2=flat)
    X, _ = load_image_folder(folder, size=size, return_X_y=True)
    assert X.shape == (4, 3, 2, 3)
    assert (X[3] == 77).all()
    assert abs(X[0].mean() - draw(6, 4, 3).mean()) < 10  # averages, not single pixels
    assert load_image_folder(folder, size=5).data.shape == (4, 5, 5, 3)


def test_other_modes_are_converted(tmp_path):
    pixels = draw(6, 4, 3)
    color = Image.fromarray(pixels)
    gray = color.convert("L")
    kinds = {"rgb": color, "la": gray.convert("LA"), "rgba": color.convert("RGBA"), "l": gray}
    kinds["p"] = gray.convert("P")
    (tmp_path / "a").mkdir()
    for name, image in kinds.items():
        image.save(tmp_path / "a" / f"{name}.png")
    gray.convert("P").save(tmp_path / "a" / "transparent.png", transparency=b"\x00\x80")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = load_image_folder(tmp_path)
    names = [file.rsplit("/", 1)[-1] for file in loaded.filenames]
    for name, image in zip(names, loaded.data, strict=True):
        shade = np.repeat(np.asarray(gray)[..., np.newaxis], 3, axis=2)
        assert np.array_equal(image, pixels if name in ("rgb.png", "rgba.png") else shade), name


def test_photographs_are_turned_as_their_camera_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by a quarter
    (tmp_path / "a").mkdir()
    Image.fromarray(draw(6, 4)).save(tmp_path / "a" / "1.png", exif=exif)
    X, _ = load_image_folder(tmp_path, mode="L", return_X_y=True)
    assert np.array_equal(X[0], np.rot90(draw(6, 4), -1))


def broken(folder):
    whole = (folder / "cat" / "2.png").read_bytes()
    (folder / "cat" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "dog" / "text.JPG").write_text("no image")
    (folder / "dog" / "empty.gif").touch()
    Image.fromarray(draw(6, 4).astype(np.uint16) * 200).save(folder / "dog" / "deep.png")


def test_files_that_cannot_be_read_are_listed_in_one_error(folder):
    broken(folder)
    with pytest.raises(ValueError, match="4 of 7 files cannot be read") as caught:
        load_image_folder(folder)
    lines = str(caught.value).splitlines()
    assert [line.split(":")[0].rsplit("/", 1)[-1] for line in lines[1:5]] == [
        "cut.png",
        "deep.png",
        "empty.gif",
        "text.JPG",
    ]
    assert "truncated" in lines[1]
    assert "more than 8 bits (mode I;16)" in lines[2]
    assert "it is no image" in lines[3]
    assert "skip_unreadable=True" in lines[5]


def test_files_that_cannot_be_read_are_left_out_if_asked(folder):
    broken(folder)
    loaded = load_image_folder(folder, skip_unreadable=True)
    assert len(loaded.data) == len(loaded.target) == len(loaded.filenames) == 3
    assert sorted(file.rsplit("/", 1)[-1] for file in loaded.unreadable) == [
        "cut.png",
        "deep.png",
        "empty.gif",
        "text.JPG",
    ]


def test_a_long_list_of_files_is_cut(folder, monkeypatch):
    broken(folder)
    monkeypatch.setattr(image_folder, "MOST_LISTED", 2)
    with pytest.raises(ValueError, match=r"cut.png: .*\n.*deep.png.*\n  and 2 more\n"):
        load_image_folder(folder)


def test_a_folder_of_nothing_but_broken_files_is_an_error(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.png").touch()
    with pytest.raises(ValueError, match=r"None of the 1 files in .* can be read"):
        load_image_folder(tmp_path, skip_unreadable=True)


def test_memory_that_is_short_is_no_fault_of_a_file(folder, monkeypatch):
    def short(*arguments):
        raise MemoryError

    monkeypatch.setattr(image_folder, "_read", short)
    with pytest.raises(MemoryError):
        load_image_folder(folder, skip_unreadable=True)


def test_images_of_several_sizes_are_an_error_that_counts_them(folder):
    save(folder, dog_2=draw(7, 4, 3))
    words = r"2 different sizes, .*: 6 x 4 \(3\), 7 x 4 \(1\). Pass size=\(height, width\)"
    with pytest.raises(ValueError, match=words):
        load_image_folder(folder)


def test_folders_that_hold_no_classes_are_errors_that_say_why(folder, tmp_path):
    with pytest.raises(ValueError, match=r"has no subfolders. Sort the images into one for each"):
        load_image_folder(folder / "cat")
    with pytest.raises(
        ValueError, match=r"subfolders without images: \['animals'\].*pass .*animals"
    ):
        load_image_folder(tmp_path)
    (folder / "eel").mkdir()
    with pytest.raises(ValueError, match=r"subfolders without images: \['eel'\]"):
        load_image_folder(folder)
    with pytest.raises(FileNotFoundError, match="nowhere' does not exist"):
        load_image_folder(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load_image_folder("~nosuchuser/images")
    with pytest.raises(NotADirectoryError, match="is not a folder"):
        load_image_folder(folder / "README.txt")
    with pytest.raises(ValueError, match="path='' names no folder"):
        load_image_folder("")


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"mode": "CMYK"}, "mode='CMYK' must be 'L'"),
        ({"size": 0}, "size=0 must be an integer of at least 1"),
        ({"size": 2.5}, "size=2.5 must be an integer"),
        ({"size": (3, 4, 5)}, r"size=\(3, 4, 5\) must be an integer or a pair \(height, width\)"),
        ({"size": (3, -4)}, "size=-4 must be an integer"),
    ],
)
def test_wrong_parameters_are_named(parameters, words, folder):
    with pytest.raises(ValueError, match=words):
        load_image_folder(folder, **parameters)


def test_without_pillow_the_error_says_what_to_install(folder):
    code = (
        "import sys; sys.modules['PIL'] = None\n"
        "from skcnn.datasets import load_image_folder\n"
        f"load_image_folder({str(folder)!r})"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "needs Pillow, which is not installed: pip install 'skcnn[images]'" in run.stderr
