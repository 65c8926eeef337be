"""Do the jaws of boys and girls grow at different speeds, and does each child have a speed of its own?

Three models of Orthodont, compared three ways: likelihood ratio, evidence, leaving out whole children.

    python examples/growth.py [--output FOLDER]
"""

import argparse
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy import stats

import bayesmm as bmm

MODELS = {
    "one speed for all": "distance ~ age + Sex + (1 | Subject)",
    "a speed for each sex": "distance ~ age * Sex + (1 | Subject)",
    "a speed for each child": "distance ~ age * Sex + (age | Subject)",
}
TRUSTED = 0.7
"""Pareto's k̂ above which leaving out by importance sampling isn't to be relied on."""


def main(output: Path | None) -> None:
    jaws = bmm.load_data("Orthodont")
    print(f"{jaws['Subject'].nunique()} children, {len(jaws)} distances in mm from 8 to 14 years\n")
    ml, posteriors, left_out = {}, {}, {}
    for seed, (name, formula) in enumerate(MODELS.items()):
        model = bmm.Model(formula, jaws)
        ml[name] = model.fit(reml=False)
        posteriors[name] = model.sample(random_seed=seed, progressbar=False)
        with warnings.catch_warnings():  # that some k̂ are large is told below
            warnings.simplefilter("ignore", UserWarning)
            left_out[name] = posteriors[name].loo("Subject")

    khat = sum(result.pareto_k > TRUSTED for result in left_out.values())
    doubtful = list(khat["Subject__factor_dim"].to_numpy()[khat.to_numpy() > 0])
    those = " and ".join(doubtful) or "nobody"
    names = list(MODELS)
    for simple, rich in pairwise(names):
        print(f"{rich}, or {simple}?")
        ratio = 2 * (ml[rich].loglik - ml[simple].loglik)
        df = ml[rich].npar - ml[simple].npar
        print(f"   likelihood ratio  {ratio:.2f} on {df} df, p = {stats.chi2.sf(ratio, df):.3f}")
        if len(ml[rich].varcorr) > len(ml[simple].varcorr):
            print("      (conservative: the simpler model is on the boundary of the richer)")
        log_ratio = posteriors[rich].log_evidence - posteriors[simple].log_evidence
        print(
            f"   evidence          {np.exp(abs(log_ratio)):.1f} to 1 for {rich if log_ratio > 0 else simple}"
        )
        gain = left_out[rich].elpd_i - left_out[simple].elpd_i
        se = float(np.sqrt(gain.size * gain.var(ddof=1)))
        better = rich if float(gain.sum()) > 0 else simple
        print(f"   a child left out  {abs(float(gain.sum())):.1f} ± {se:.1f} better with {better}")
        kept = [child not in doubtful for child in gain["Subject__factor_dim"].to_numpy()]
        print(f"      without {those}: {float(gain[kept].sum()):+.1f} for {rich}\n")

    chosen = names[1]
    spread = ml[chosen].residuals.groupby(jaws["Subject"], observed=True).std()
    odd = spread.idxmax()
    print(f"The fit is worst for {odd}, whose distances scatter by {spread[odd]:.1f} mm about the line, the")
    print(f"median child's by {spread.median():.1f} mm. Importance sampling is doubtful for {those}.\n")
    draws = posteriors[chosen].data["posterior"]
    girls = draws["age"].to_numpy().ravel()
    more = draws["age:Sex"].sel({"age:Sex_dim": "Male"}).to_numpy().ravel()
    print(
        f"With {chosen}, girls grow by {girls.mean():.2f} mm a year, boys by {(girls + more).mean():.2f} mm,"
    )
    print(f"and boys faster with probability {np.mean(more > 0):.3f}.")
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        bmm.plots.plot_lines(ml[chosen]).savefig(output / "lines.png")
        print(f"\nPictures in {output}.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="a folder for pictures; without it nothing is saved")
    main(parser.parse_args().output)
