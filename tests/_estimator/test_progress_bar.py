import sys
from types import ModuleType, SimpleNamespace

import pytest

from skcnn._estimator import progress_bar as epoch_bar
from skcnn._estimator.progress_bar import EpochBar, RichBar, make_bar, say_what_to_install


class FakeBar:
    """Remembers what it was told."""

    def __init__(self, **settings):
        self.settings, self.moves, self.closed = settings, [], 0

    def update(self, n):
        self.moves.append(n)

    def close(self):
        self.closed += 1


@pytest.fixture
def bars(monkeypatch):
    """Every bar that is made."""
    made = []

    def make(description, total):
        made.append(FakeBar(description=description, total=total))
        return made[-1]

    monkeypatch.setattr(epoch_bar, "make_bar", make)
    return made


def fake_tqdm():
    module = ModuleType("tqdm")
    module.tqdm = FakeBar
    return module


def test_a_bar_moves_by_samples_and_closes_itself(bars, monkeypatch):
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(epoch_bar, "perf_counter", lambda: clock.now)
    bar = EpochBar(10, shown=True)
    for number in range(2):
        bar.begin(f"Epoch {number + 1}")
        for _ in range(5):
            clock.now += 0.06
            assert not bars[-1].closed
            bar.advance(2)
    assert [one.settings["description"] for one in bars] == ["Epoch 1", "Epoch 2"]
    assert all(one.settings["total"] == 10 for one in bars)
    assert bars[0].moves == [4, 4]  # not oftener than ten times a second
    assert [one.closed for one in bars] == [1, 1]


def test_an_error_takes_the_bar_away(bars):
    def interrupted():
        with EpochBar(10, shown=True) as bar:
            bar.begin("Epoch 1")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert bars[0].closed == 1


def test_nothing_is_made_that_is_not_shown(bars):
    with EpochBar(10, shown=False) as bar:
        bar.begin("Epoch 1")
        bar.advance(10)
    assert bars == []


def test_rich_comes_first_then_tqdm_then_nothing(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", fake_tqdm())
    bar = make_bar("Epoch 1", 5)
    assert isinstance(bar, RichBar)
    bar.close()
    monkeypatch.setitem(sys.modules, "rich.console", None)
    bar = make_bar("Epoch 1", 5)
    assert isinstance(bar, FakeBar)
    assert bar.settings == {
        "desc": "Epoch 1",
        "total": 5,
        "unit": "sample",
        "leave": False,
        "disable": None,
    }
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert make_bar("Epoch 1", 5) is None


def test_verbose_2_shows_a_bar_and_the_lines(make_classifier, digits, bars, capsys):
    X, y = digits
    model = make_classifier(max_iter=3, verbose=2).fit(X, y).partial_fit(X, y)
    assert [bar.settings["description"] for bar in bars] == [f"Epoch {k}" for k in (1, 2, 3, 4)]
    assert all(bar.settings["total"] == len(y) for bar in bars)
    assert all(bar.closed == 1 for bar in bars)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [f"Epoch {k}" for k in (1, 2, 3, 4)]
    assert model.n_iter_ == 4
    make_classifier(verbose=1).fit(X, y)
    assert len(bars) == 4


@pytest.mark.parametrize("missing", [[], ["rich.console"]], ids=str)
def test_away_from_a_terminal_there_are_only_lines(
    make_classifier, digits, missing, capsys, monkeypatch
):
    for name in missing:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "tqdm", fake_tqdm())
    make_classifier(verbose=2).fit(*digits)
    captured = capsys.readouterr()
    assert [line.split(":")[0] for line in captured.out.splitlines()] == ["Epoch 1", "Epoch 2"]
    assert captured.err == ""


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_without_rich_and_tqdm_a_process_says_once_what_to_install(
    make_classifier, digits, method, monkeypatch, capsys
):
    for name in ("rich.console", "tqdm"):
        monkeypatch.setitem(sys.modules, name, None)
    say_what_to_install.cache_clear()
    further = {"classes": range(10)} if method == "partial_fit" else {}
    models = [make_classifier(max_iter=1, verbose=2) for _ in range(3)]
    with pytest.warns(UserWarning, match="verbose=2 .* pip install rich") as warned:
        getattr(models[0], method)(*digits, **further)
    assert [warning.filename for warning in warned] == [__file__]
    for model in models[1:]:  # a warning would be an error
        getattr(model, method)(*digits, **further)
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_in_a_notebook_rich_draws(monkeypatch):
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr("rich.progress.Progress.start", lambda self: started.append(self))
    monkeypatch.setattr("rich.progress.Progress.stop", lambda self: stopped.append(self))
    started, stopped = [], []
    bar = make_bar("Epoch 1", 5)
    assert started == [bar._progress]
    bar.close()
    assert stopped == started


def test_on_a_terminal_rich_draws(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    bar = make_bar("Epoch 7", 5)
    bar.update(5)
    bar.close()
    assert "Epoch 7" in capsys.readouterr().err
