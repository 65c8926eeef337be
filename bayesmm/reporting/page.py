"""``report``: a fitted model as one page, and ``Report``, which holds it."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bayesmm.comparison import Comparison, compare
from bayesmm.equations import Display, equations_of
from bayesmm.equations.mathml import math, phrase_html, section_mathml
from bayesmm.errors import DataError, FileError, ModelError
from bayesmm.estimate import Estimate, fit
from bayesmm.model import MixedModel
from bayesmm.posterior import Posterior
from bayesmm.posterior.posterior import model_of
from bayesmm.reporting import answers, checks, data_section, pictures, recipe
from bayesmm.reporting.in_a_paper import in_a_paper
from bayesmm.reporting.question import question_of
from bayesmm.results import Fitted

if TYPE_CHECKING:
    from markupsafe import Markup

FOLDER = Path(__file__).parent


@dataclass(frozen=True, eq=False, repr=False)
class Report:
    """One HTML page about a fitted model, complete in itself: no network, no scripts.

    Attributes
    ----------
    html
        The page.
    title
        Its title.
    fingerprint
        SHA-256 of the columns that the model uses, as the page has it.
    paper
        The paragraph for a paper, with which the page ends.

    Examples
    --------
    >>> import bayesmm as bmm
    >>> model = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff"))
    >>> page = bmm.report(model, model.fit())
    >>> page.title
    'Yield ~ 1 + (1 | Batch)'
    """

    html: str
    title: str
    fingerprint: str
    paper: str

    def save(self, path: str | Path) -> Path:
        """Write the page, replacing what was at ``path``; give its path.

        Raises
        ------
        FileError
            If it can't be written.
        """
        path = Path(path)
        try:
            path.write_text(self.html, encoding="utf-8")
        except OSError as error:
            raise FileError(
                f"'{path}' can't be written: {error.strerror or error}",
                expected="a file in a folder that exists and may be written to",
                advice=f"another path; the folder is '{path.resolve().parent}'",
            ) from error
        return path

    def __repr__(self) -> str:
        return f"Report({self.title!r}, {len(self.html.encode()) / 1000:.0f} kB)"

    def _repr_html_(self) -> str:
        """The page in a frame of its own, so that its styles stay its own."""
        return (
            f"<iframe title='{html.escape(self.title)}'"
            " style='width:100%;height:45rem;border:1px solid #8888'"
            f' srcdoc="{html.escape(self.html)}"></iframe>'
        )


def report(
    model: MixedModel | Estimate | Posterior,
    estimate: Estimate | Posterior | None = None,
    posterior: Posterior | None = None,
    comparison: Comparison | None = None,
    *,
    path: str | Path | None = None,
    title: str | None = None,
    question: str | None = None,
) -> Report:
    """Write a fitted model up as one page: question, data, equations, answers, checks, recipe.

    Equal arguments give equal pages: there is no date in them. The page ends with a paragraph for a paper.

    Parameters
    ----------
    model
        The model. An estimate or a posterior alone will do too: their model is taken.
    estimate
        From ``model.fit()``; REML's is made if there is none, unless only the priors tell the variances
        apart: then the posterior has the page for itself.
    posterior
        From ``model.sample()``.
    comparison
        From ``bmm.compare(posterior, estimate)``; made here if it isn't given.
    path
        Where to write the page, if anywhere.
    title
        By default the formula.
    question
        What the model is to answer; by default it is read off the formula.

    Raises
    ------
    ModelError
        If the estimate, the posterior or the comparison is of another model.
    FileError
        If the page can't be written.

    Examples
    --------
    >>> import bayesmm as bmm
    >>> model = bmm.Model("Reaction ~ Days + (Days | Subject)", bmm.load_data("sleepstudy"))
    >>> page = bmm.report(model, model.fit(), question="Does a lack of sleep slow people down?")
    >>> "Does a lack of sleep slow people down?" in page.html
    True
    """
    given = _given(model, estimate, posterior, comparison)
    model, estimate, posterior = given.model, given.estimate, given.posterior
    title = title or str(model.formula)
    paper = in_a_paper(estimate, posterior)
    page = _rendered(
        title=title,
        question=question or question_of(model.design),
        response=model.design.response.strip("`"),
        by=answers.by(given.answer),
        estimate=estimate,
        posterior=posterior,
        comparison=given.comparison,
        **_data(model),
        **_equations(model, given.answer, posterior),
        **_answers(given),
        **_checks(given),
        settings=recipe.settings(model, estimate, posterior),
        versions=recipe.versions(posterior),
        prior_table=None if posterior is None else recipe.prior_table(model),
        code=recipe.code_of(model, estimate, posterior),
        paper=paper,
    )
    made = Report(page, title, recipe.fingerprint(model.design), paper)
    if path is not None:
        made.save(path)
    return made


class _Given(NamedTuple):
    """What the page is about, of one model."""

    model: MixedModel
    estimate: Estimate | None
    posterior: Posterior | None
    comparison: Comparison | None
    answer: Fitted


def _given(*arguments: Any) -> _Given:
    """The arguments by what they are, and what they lack; whether everything is of one model."""
    found: dict[type, Any] = dict.fromkeys((MixedModel, Estimate, Posterior, Comparison))
    for value in arguments:
        kind = next((kind for kind in found if isinstance(value, kind)), None)
        if value is not None and (kind is None or found[kind] is not None):
            raise ModelError(
                f"report got a {type(value).__name__}" + ("" if kind is None else " twice"),
                expected="bmm.report(model, estimate, posterior, comparison), or those that you have",
                advice="model.fit(), model.sample() and bmm.compare(posterior, estimate)",
            )
        if kind is not None:
            found[kind] = value
    model, estimate, posterior, comparison = found.values()
    if comparison is not None:
        estimate, posterior = estimate or comparison.estimate, posterior or comparison.posterior
        if comparison.estimate is not estimate or comparison.posterior is not posterior:
            raise ModelError(
                "the comparison is of another estimate or posterior",
                expected="a comparison of those that are given",
                advice="comparison=None, which makes it",
            )
    if model is None:
        model = estimate.model if estimate is not None else model_of(posterior)
    estimate = estimate or _estimate_beside(model, posterior)
    if estimate is not None and estimate.model is not model:
        raise ModelError(
            f"the estimate is of another model, '{estimate.model.formula}'",
            expected=f"an estimate of '{model.formula}' that this very model made",
            advice="bmm.report(estimate.model, estimate)",
        )
    if estimate is None:
        return _Given(model, None, posterior, None, posterior)
    if posterior is not None and comparison is None:
        comparison = compare(posterior, estimate)
    return _Given(model, estimate, posterior, comparison, estimate)


def _estimate_beside(model: MixedModel, posterior: Posterior | None) -> Estimate | None:
    """REML's estimate; none beside a posterior whose variances only priors can tell apart."""
    try:
        return fit(model)
    except DataError:
        if posterior is None:
            raise
        return None


def _data(model: MixedModel) -> dict[str, Any]:
    design = model.design
    return {
        "data_facts": data_section.data_facts(design),
        "group_table": data_section.group_table(design),
        "level_lists": data_section.level_lists(design),
        "column_table": data_section.column_table(design),
    }


def _equations(model: MixedModel, answer: Fitted, posterior: Posterior | None) -> dict[str, Any]:
    """The model in symbols, the same with the estimates in it, and what the symbols are."""
    symbols, filled = equations_of(model), equations_of(model, answer)
    shown = [symbols.levels]
    nested = any(section.title.startswith("Level ") for section in symbols.levels.sections)
    if nested:
        shown.append(symbols.combined)
    shown.append(symbols.matrix)
    return {
        "equations": _sections(shown),
        "filled": _sections([filled.levels]),
        "priors": [] if posterior is None else _sections([symbols.priors]),
        "symbols": [
            (
                _safe(math(entry.symbol)),
                entry.name,
                _safe("" if entry.value is None else math(entry.value)),
                _safe(phrase_html(entry.meaning)),
            )
            for entry in filled.display.entries
        ],
    }


def _sections(displays: list[Display]) -> list[tuple[str, Markup, list[Markup]]]:
    return [
        (
            section.title,
            _safe(section_mathml(section)),
            [_safe(phrase_html(note)) for note in section.notes],
        )
        for display in displays
        for section in display.sections
    ]


def _answers(given: _Given) -> dict[str, Any]:
    answer, comparison = given.answer, given.comparison
    posterior = None if given.estimate is None else given.posterior
    prob = answers.PROB if comparison is None else comparison.prob
    return {
        "in_short": answers.in_short(answer, comparison),
        "comparison_table": None if comparison is None else answers.comparison_table(comparison),
        "fixed_table": answers.fixed_table(answer, prob),
        "variance_table": answers.variance_table(answer),
        "share_table": answers.share_table(answer, posterior, prob),
        "posterior_picture": None if comparison is None else pictures.posterior_picture(comparison),
        "group_pictures": list(pictures.group_pictures(answer, posterior)),
    }


def _checks(given: _Given) -> dict[str, Any]:
    design, posterior, check = given.model.design, given.posterior, None
    if posterior is not None:
        check = checks.predictive_check(posterior, design.y, design.response.strip("`"))
    return {
        "residual_picture": pictures.residual_picture(given.answer),
        "check": check,
        "certificates": _certificates(given.estimate, posterior),
    }


def _certificates(
    estimate: Estimate | None, posterior: Posterior | None
) -> list[tuple[str, str, bool, str, list[str]]]:
    """What, what was done, whether it holds, the verdict, and the numbers behind it."""
    found: list[tuple[str, str, Any]] = []
    if estimate is not None:
        name = f"{estimate.method} estimate"
        found.append((name, f"The search for the {name}", estimate.certificate))
    if posterior is not None:
        found.append(("posterior", "The draws of the posterior", posterior.certificate))
    shown = []
    for name, done, certificate in found:
        verdict, *numbers = str(certificate).split("\n")
        shown.append((name, done, certificate.ok, verdict, [line.strip() for line in numbers]))
    return shown


def _rendered(**values: Any) -> str:
    """The template with the values in it; all text is escaped but for what is marked safe."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    style = (FOLDER / "page.css").read_text(encoding="utf-8")
    return environment.get_template("page.html.jinja").render(style=_safe(style), **values)


def _safe(text: str) -> Markup:
    """HTML that needs no escaping."""
    from markupsafe import Markup

    return Markup(text)
