"""What all plots have in common: small and large models, ``ax``, what is returned, what is refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import FigureBase
from matplotlib.text import Text
from matplotlib.transforms import Bbox

import bayesmm as bmm
from bayesmm.plots import style
from tests.fits import fit_of, posterior_of

Plot = Callable[..., FigureBase]

plots = bmm.plots

EVERY = [getattr(plots, name) for name in plots.__all__]

SMALL: list[tuple[str, Plot, dict[str, Any], int]] = [  # model, plot, options, axes
    ("sleep", plots.plot_lines, {}, 18),
    ("sleep_intercept", plots.plot_lines, {"levels": [308, 372]}, 2),
    ("hsb", plots.plot_lines, {}, 1),
    ("sleep", plots.plot_shrinkage, {}, 1),
    ("dyestuff", plots.plot_shrinkage, {}, 1),
    ("machines", plots.plot_shrinkage, {"columns": ["Intercept", "Machine[C]"]}, 1),
    ("penicillin", plots.plot_shrinkage, {"group": "sample"}, 1),
    ("dyestuff2", plots.plot_effects, {}, 1),
    ("machines", plots.plot_effects, {}, 3),
    ("hsb", plots.plot_effects, {}, 2),
    ("penicillin", plots.plot_effects, {"group": "plate"}, 1),
    ("sleep", plots.plot_matrices, {}, 4),
    ("machines", plots.plot_matrices, {}, 4),
    ("dyestuff2", plots.plot_matrices, {}, 4),
    ("sleep", plots.plot_residuals, {}, 5),
    ("dyestuff", plots.plot_residuals, {}, 4),
    ("dyestuff2", plots.plot_profile, {}, 4),
    ("sleep", plots.plot_profile, {"parameter": ["corr|Subject", "sigma"]}, 4),
    ("machines", plots.plot_correlation, {"columns": ["Machine[B]", "Machine[C]"]}, 1),
    ("sleep_bars", plots.plot_correlation, {}, 1),
]
LARGE: list[tuple[str, Plot, dict[str, Any], int]] = [
    ("chem", plots.plot_lines, {}, 1),
    ("chem_nested", plots.plot_lines, {"group": "lea:school"}, 1),
    ("chem", plots.plot_shrinkage, {}, 1),
    ("insteval", plots.plot_shrinkage, {"group": "s"}, 1),
    ("insteval", plots.plot_effects, {"group": "s"}, 1),
    ("chem", plots.plot_effects, {}, 2),
    ("insteval", plots.plot_matrices, {}, 4),
    ("insteval", plots.plot_residuals, {}, 6),
    ("chem", plots.plot_correlation, {}, 1),
]
BOTH: list[tuple[str, Plot, dict[str, Any], int]] = [
    ("dyestuff", plots.plot_effects, {}, 1),
    ("machines", plots.plot_effects, {}, 3),
    ("dyestuff2", plots.plot_profile, {"parameter": "1|Batch_sigma"}, 2),
    ("sleep", plots.plot_correlation, {}, 1),
]


def ids(cases: list[tuple[str, Plot, dict[str, Any], int]]) -> list[str]:
    return [f"{plot.__name__}-{name}-{i}" for i, (name, plot, *_) in enumerate(cases)]


def texts_drawn(figure: FigureBase) -> list[tuple[str, Bbox]]:
    """What is written on a picture, and where."""
    drawn: list[Text] = []
    with pytest.MonkeyPatch.context() as patch:
        draw = Text.draw
        patch.setattr(Text, "draw", lambda text, renderer: (drawn.append(text), draw(text, renderer)))
        figure.canvas.draw()
    return [
        (text.get_text(), text.get_window_extent())
        for text in drawn
        if text.get_visible() and text.get_text().strip()
    ]


def assert_legible(figure: FigureBase) -> None:
    """It can be drawn, its axes have labels, and no text is cut off or lies over another."""
    places = texts_drawn(figure)
    page = figure.bbox.padded(2)
    cut = [text for text, box in places if not page.containsx(box.x0) or not page.containsx(box.x1)]
    cut += [text for text, box in places if not page.containsy(box.y0) or not page.containsy(box.y1)]
    assert cut == []
    shrunk = [(text, box.padded(-1)) for text, box in places]
    over = [(one, two) for (one, a), (two, b) in combinations(shrunk, 2) if a.overlaps(b)]
    assert over == []
    for ax in figure.axes:
        if ax.axison:
            alone = ax.get_xlabel() or ax.get_title() or ax.get_ylabel()
            assert alone or figure.get_supxlabel()
        for text in (ax.xaxis.label, ax.yaxis.label, ax.title):
            assert not text.get_text() or text.get_fontsize() >= style.SMALL - 1


@pytest.mark.parametrize(("name", "plot", "options", "n"), SMALL + LARGE, ids=ids(SMALL + LARGE))
def test_it_draws_and_returns_its_figure(name: str, plot: Plot, options: dict[str, Any], n: int):
    figure = plot(fit_of(name), **options)
    assert isinstance(figure, FigureBase)
    assert len(figure.axes) == n
    assert_legible(figure)


@pytest.mark.parametrize(("name", "plot", "options", "n"), BOTH, ids=ids(BOTH))
def test_it_draws_the_posterior_too(name: str, plot: Plot, options: dict[str, Any], n: int):
    figure = plot(fit_of(name), posterior_of(name), **options)
    assert len(figure.axes) == n
    assert_legible(figure)


@pytest.mark.parametrize(("name", "plot", "options", "n"), SMALL, ids=ids(SMALL))
def test_it_draws_on_the_axes_that_it_is_given(name: str, plot: Plot, options: dict[str, Any], n: int):
    figure, axes = plt.subplots(1, n, squeeze=False)
    given = axes[0, 0] if n == 1 else axes
    assert plot(fit_of(name), **options, ax=given) is figure
    assert plt.get_fignums() == [figure.number]
    assert all(ax.has_data() for ax in axes.ravel())
    _, too_many = plt.subplots(1, n + 1)
    with pytest.raises(bmm.ModelError, match=f"ax holds {n + 1} axes"):
        plot(fit_of(name), **options, ax=too_many)
    with pytest.raises(bmm.ModelError, match="ax is str"):
        plot(fit_of(name), **options, ax="axes")


@pytest.mark.parametrize(
    "plot",
    [
        plots.plot_lines,
        plots.plot_shrinkage,
        plots.plot_effects,
        plots.plot_matrices,
        plots.plot_residuals,
        plots.plot_profile,
        plots.plot_correlation,
    ],
)
def test_it_wants_an_estimate(plot: Plot):
    with pytest.raises(bmm.ModelError, match=f"{plot.__name__} got a str"):
        plot("an estimate")


@pytest.mark.parametrize("plot", [plots.plot_effects, plots.plot_correlation, plots.plot_profile])
def test_a_posterior_of_something_else_is_refused(plot: Plot):
    fit = fit_of("sleep")
    with pytest.raises(bmm.ModelError, match="posterior is a Estimate"):
        plot(fit, fit)
    with pytest.raises(bmm.ModelError, match="the posterior is of 'Yield ~ 1"):
        plot(fit, posterior_of("dyestuff"))
    formula, data = fit.model.formula.text, bmm.load_data("sleepstudy")
    other = bmm.Model(formula, data.assign(Reaction=data["Reaction"] + 1)).sample(
        draws=10, random_seed=1, progressbar=False
    )
    with pytest.raises(bmm.ModelError, match="of other data"):
        plot(fit, other)
    diagonal = bmm.Model(formula, data, covariance={"Subject": "diagonal"}).sample(
        draws=10, random_seed=1, progressbar=False
    )
    with pytest.raises(bmm.ModelError, match="different parameters"):
        plot(fit, diagonal)


@pytest.mark.parametrize(
    "plot", [plots.plot_lines, plots.plot_shrinkage, plots.plot_effects, plots.plot_correlation]
)
def test_a_group_that_is_not_there_is_refused(plot: Plot):
    with pytest.raises(bmm.DataError, match="did you mean 'plate'"):
        plot(fit_of("penicillin"), group="plates")


def answers(name: str, plot: Plot) -> tuple[Any, ...]:
    """What a plot takes first: the estimate, and the posterior where it draws that too."""
    if plot is plots.plot_posterior_and_estimate:
        return posterior_of(name), fit_of(name)
    both = plot in (plots.plot_effects, plots.plot_correlation, plots.plot_profile)
    return (fit_of(name), posterior_of(name)) if both else (fit_of(name),)


def quick(plot: Plot, group: str) -> dict[str, Any]:
    """One profile in place of all."""
    return {"parameter": f"corr|{group}"} if plot is plots.plot_profile else {}


def said(figure: FigureBase) -> str:
    """All that stands on a picture, with line breaks as spaces."""
    return " ".join(text.get_text().replace("\n", " ") for text in figure.findobj(Text))


@pytest.mark.parametrize("plot", EVERY, ids=lambda plot: plot.__name__)
def test_with_several_grouping_factors_a_plot_draws_and_names_one_or_all(plot: Plot):
    figure = plot(*answers("crossed", plot), **quick(plot, "subject"))
    assert_legible(figure)
    assert "item" in said(figure) or "subject" in said(figure)


def test_the_first_group_that_has_what_is_drawn_is_the_default():
    fit = fit_of("crossed")
    assert list(fit.ranef) == ["item", "subject"]
    assert [ax.get_ylabel() for ax in plots.plot_effects(fit).axes] == ["item", "subject", ""]
    assert plots.plot_shrinkage(fit).axes[0].get_title().startswith("item")
    assert plots.plot_correlation(fit).axes[0].get_title().startswith("subject: correlation")
    assert "subject" in said(plots.plot_lines(fit, levels=["s1", "s2"]))
    assert "item" in said(plots.plot_lines(fit, group="item", levels=["i1", "i2"]))
    assert len(plots.plot_effects(fit, columns="Intercept").axes) == 1


@pytest.mark.parametrize("plot", EVERY, ids=lambda plot: plot.__name__)
@pytest.mark.parametrize("name", ["sleep", "crossed"])
def test_a_posterior_alone_is_enough(name: str, plot: Plot):
    figure = plot(posterior_of(name), **quick(plot, "Subject" if name == "sleep" else "subject"))
    assert_legible(figure)
    assert "nan" not in said(figure)


@pytest.mark.parametrize(
    "plot",
    [plots.plot_lines, plots.plot_shrinkage, plots.plot_effects, plots.plot_residuals, plots.plot_matrices],
)
def test_a_posterior_that_has_no_estimate_beside_it_is_enough(plot: Plot):
    """One row a level: only priors tell the two variances apart, and REML can't."""
    data = bmm.load_data("sleepstudy").iloc[:12].assign(row=range(12))
    model = bmm.Model("Reaction ~ Days + (1 | row)", data)
    with pytest.raises(bmm.DataError, match="12 levels in 12 rows"):
        model.fit()
    assert_legible(plot(model.sample(draws=250, random_seed=1, progressbar=False)))


@pytest.mark.parametrize("plot", [plots.plot_lines, plots.plot_shrinkage, plots.plot_correlation])
def test_effects_that_were_summed_up_are_enough(plot: Plot):
    model = fit_of("sleep").model
    options = {"draws": 250, "random_seed": 1, "progressbar": False}
    whole, summed = plot(posterior_of("sleep")), plot(model.sample(**options, effects="summary"))
    for one, other in zip(whole.axes, summed.axes, strict=True):
        assert other.get_xlim() == pytest.approx(one.get_xlim(), rel=1e-6)
        assert other.get_ylim() == pytest.approx(one.get_ylim(), rel=1e-6)


@pytest.mark.parametrize("plot", EVERY, ids=lambda plot: plot.__name__)
def test_a_posterior_without_its_model_is_refused(plot: Plot):
    alone = bmm.Posterior(posterior_of("sleep").data)
    with pytest.raises(bmm.ModelError, match="without its model"):
        plot(alone)


@pytest.mark.parametrize("plot", EVERY, ids=lambda plot: plot.__name__)
def test_long_names_are_wrapped_and_nothing_overlaps(plot: Plot):
    assert_legible(plot(*answers("long", plot), **quick(plot, "participant_identifier")))
    if plot in (plots.plot_effects, plots.plot_shrinkage):
        for group in fit_of("long").ranef:
            assert_legible(plot(*answers("long", plot), group=group))


def test_seven_profiles_and_many_residuals_fit_a_page():
    profile = fit_of("sleep").profile("sigma", prob=0.995)
    profiles = plots.plot_profile(fit_of("sleep"), parameter=[profile] * 7)
    assert len(profiles.axes) == 14
    for figure in (profiles, plots.plot_residuals(fit_of("machines"))):
        assert max(figure.get_size_inches()) <= 11
    places = {round(ax.get_position().x0, 2) for ax in plots.plot_residuals(fit_of("sleep")).axes}
    assert len(places) == 3


def test_the_colours_are_okabe_and_itos():
    assert len(set(style.OKABE_ITO)) == 8
    used = {style.ESTIMATE, style.POSTERIOR, style.NO_POOLING, style.COMPLETE_POOLING}
    assert used <= set(style.OKABE_ITO)
    assert len(used) == 4


def test_plots_are_reached_by_name_and_loaded_when_they_are():
    code = (
        "import sys, bayesmm as bmm; before = 'matplotlib' in sys.modules; "
        "bmm.plots.plot_lines; print(before, 'matplotlib' in sys.modules, 'plots' in dir(bmm))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "True"]


def test_nothing_in_the_users_settings_changes():
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    plots.plot_lines(fit_of("sleep"))
    plots.plot_effects(fit_of("sleep"))
    assert dict(mpl.rcParams) == before
