"""How the results are made again: versions, seed, settings, a fingerprint of the data, and the code."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from bayesmm.design import Design
from bayesmm.design.written import NOT_WRITTEN, Written, written
from bayesmm.estimate import Estimate
from bayesmm.model import MixedModel
from bayesmm.posterior import Posterior
from bayesmm.posterior.sheet import METHODS
from bayesmm.priors import resolve_priors
from bayesmm.reporting.layout import ReportTable, table


def fingerprint(design: Design) -> str:
    """SHA-256, in hexadecimal, of the columns that a model uses, row by row in their order.

    The bytes are those of y, X, weights and offset as little-endian 64-bit floats, and for each random term
    its label, its matrix, the codes of its rows as 64-bit integers, and its levels as text; before each array
    stand its name and shape. Equal data in equal order give equal fingerprints, one changed value another.

    Examples
    --------
    >>> import bayesmm as bmm
    >>> model = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff"))
    >>> fingerprint(model.design)[:12], len(fingerprint(model.design))
    ('44438e280e39', 64)
    """
    digest = hashlib.sha256()

    def add(name: str, values: Any, kind: str = "<f8") -> None:
        array = np.ascontiguousarray(values, dtype=kind)
        digest.update(f"{name}{array.shape}".encode())
        digest.update(array.tobytes())

    add("y", design.y)
    add("X", design.X)
    for name, values in (("weights", design.weights), ("offset", design.offset)):
        if values is not None:
            add(name, values)
    for term in design.terms:
        add(term.label, term.Xi)
        add("codes", term.factor.codes, "<i8")
        digest.update("\0".join(term.factor.labels).encode())
    return digest.hexdigest()


def versions(posterior: Posterior | None) -> list[tuple[str, str]]:
    """Python and the packages that the numbers depend on."""
    packages = ["bayesmm", "numpy", "scipy", "pandas", "formulae", "numba"]
    if posterior is not None:
        packages.append("arviz")
        if "nuts" in posterior.method or "pymc" in posterior.method:
            packages += ["pymc", "nutpie"]
    return [("python", platform.python_version()), *((name, _version(name)) for name in packages)]


def settings(
    model: MixedModel, estimate: Estimate | None, posterior: Posterior | None
) -> list[tuple[str, str]]:
    """What was asked for, and by which method it was done."""
    found = [
        ("Formula", str(model.formula)),
        ("Family", f"{model.family.name}, {model.family.link} link"),
    ]
    if estimate is not None:
        evaluations = f"{estimate.certificate.evaluations} evaluations of the criterion"
        found.append(("Estimate", f"{estimate.method}, {evaluations}"))
    if posterior is not None:
        attributes, sizes = posterior.data.attrs, posterior.data["posterior"].sizes
        found.append(("Posterior", METHODS.get(posterior.method, posterior.method)))
        found.append(("Draws", f"{sizes['chain']} chains × {sizes['draw']}"))
        found.append(("Seed", str(attributes.get("seed", "unknown"))))
        found += [
            (label, str(attributes[key]))
            for key, label in (
                ("tune", "Steps of tuning"),
                ("target_accept", "Acceptance aimed at"),
                ("why_nuts", "Why NUTS"),
            )
            if key in attributes
        ]
    found.append(("Data, SHA-256", fingerprint(model.design)))
    return found


def prior_table(model: MixedModel) -> ReportTable:
    """The prior of each parameter, by its name in the posterior."""
    rows = [[name, str(prior)] for name, prior in model.priors.items()]
    return table("Priors", ["parameter", "prior"], rows, text=("prior",))


def code_of(model: MixedModel, estimate: Estimate | None, posterior: Posterior | None) -> str:
    """A program that makes the results again from the data."""
    design = model.design
    arguments = [repr(str(model.formula.text)), "data", *_options(model)]
    if sum(map(len, arguments)) > 80:
        call = "".join(f"    {argument},\n" for argument in arguments)
        build = f"model = bmm.Model(\n{call})"
    else:
        build = f"model = bmm.Model({', '.join(arguments)})"
    reading = _reading(design)
    lines = [
        *_imports(design.given.namespace.values()),
        "",
        *(["# instead of ... what was given"] if NOT_WRITTEN in "".join([*reading, build]) else []),
        *reading,
        build,
    ]
    given = ["model"]
    if estimate is not None:
        lines.append(f"estimate = model.fit(reml={estimate.reml})")
        given.append("estimate")
    if posterior is not None and posterior.method != "marginal-pymc":
        sizes, attributes = posterior.data["posterior"].sizes, posterior.data.attrs
        options = [f"draws={sizes['draw']}", f"chains={sizes['chain']}", f"method={posterior.method!r}"]
        options += [f"{key}={attributes[key]}" for key in ("tune", "target_accept") if key in attributes]
        if "seed" in attributes:
            options.append(f"random_seed={attributes['seed']}")
        lines.append(f"posterior = model.sample({', '.join(options)})")
        given.append("posterior")
    lines.append(f'bmm.report({", ".join(given)}, path="report.html")')
    return "\n".join(lines)


def _options(model: MixedModel) -> list[str]:
    """Arguments that were not left at their defaults."""
    design, found = model.design, []
    if model.family.link != type(model.family).links()[0]:
        found.append(f"link={model.family.link!r}")
    defaults = resolve_priors(design, None)
    own = {name: prior for name, prior in model.priors.items() if repr(prior) != repr(defaults[name])}
    if own:
        priors = ", ".join(f"{name!r}: bmm.{prior!r}" for name, prior in own.items())
        found.append(f"priors={{{priors}}}")
    chosen = {term.label: term.covariance.name for term in design.terms if term.chosen}
    if chosen:
        found.append(f"covariance={chosen!r}")
    given = design.given
    if design.weights is not None:
        found.append(f"weights={_name_or_not_written(given.weights)}")
    if given.has_offset:
        found.append(f"offset={_name_or_not_written(given.offset)}")
    own = {name: value.text for name, value in given.namespace.items() if value.text}
    if own:
        found.append(f"namespace={{{', '.join(f'{name!r}: {text}' for name, text in own.items())}}}")
    return found


def _imports(namespace: Iterable[Written]) -> list[str]:
    own = {value.imports for value in namespace if value.imports}
    return sorted(own | {"import bayesmm as bmm", "import pandas as pd"})


def _reading(design: Design) -> list[str]:
    """The lines that read the data, and give a column the type that a file of text doesn't keep."""
    given, rows = design.given, design.n + design.n_dropped
    columns = sorted({*design.variables, *filter(None, (given.weights, given.offset))})
    dtype = f", dtype={dict.fromkeys(given.text, 'str')!r}" if given.text else ""
    lines = [f'data = pd.read_csv("data.csv"{dtype})  # the columns {", ".join(columns)}; {rows} rows']
    for name, (levels, ordered) in given.factors.items():
        text = written(name, levels).text
        if name in design.fixed.variables.union(*(term.recipe.variables for term in design.terms)):
            options = ", ordered=True" if ordered else ""
            lines.append(f"data[{name!r}] = pd.Categorical(data[{name!r}], {text}{options})")
    return lines


def _name_or_not_written(column: str | None) -> str:
    return NOT_WRITTEN if column is None else repr(column)


def _version(package: str) -> str:
    if package == "bayesmm":
        import bayesmm

        return bayesmm.__version__
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
