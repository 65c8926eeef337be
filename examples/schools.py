"""Why does family background matter more for mathematics in some schools than in others?

Two-level equations, a cross-level interaction, the model as mathematics, R² and ICC.

    python examples/schools.py [--output FOLDER]
"""

import argparse
from pathlib import Path

import numpy as np

import bayesmm as bmm


def main(output: Path | None) -> None:
    pupils = bmm.load_data("Hsb82")
    empty = bmm.Model("mAch ~ 1 + (1 | school)", pupils).fit()
    formula = bmm.from_levels(
        "mAch ~ 1 + cses",  # cses: a pupil's socio-economic status, less the mean of the school
        {"1": "1 + meanses + sector + (1)", "cses": "1 + meanses + sector + (1)"},
        group="school",
    )
    model = bmm.Model(formula, pupils)
    reml = model.fit()
    post = model.sample(random_seed=1, progressbar=False)
    draws = post.data["posterior"]

    print(f"{len(pupils)} pupils in {pupils['school'].nunique()} schools\n")
    print("1. How much do schools differ?")
    print(f"   {empty.icc()['school']:.0%} of the variance of achievement lies between schools.\n")

    print("2. The model, by levels and as one formula")
    print("   " + str(model.equations().levels).replace("\n", "\n   "))
    print(f"\n   {formula}\n")

    print("3. What does a unit of status go with, within a school?")
    catholic = draws["cses"].to_numpy().ravel()
    difference = draws["cses:sector"].sel({"cses:sector_dim": "Public"}).to_numpy().ravel()
    for name, slope in (("Catholic", catholic), ("public", catholic + difference)):
        lower, upper = np.quantile(slope, [0.025, 0.975])
        print(f"   {name:<9} {slope.mean():.1f} points, 95% interval {lower:.1f} to {upper:.1f}")
    name = "cses:sector[Public]"
    print(f"   It matters more in public schools in {np.mean(difference > 0):.1%} of the draws; REML says by")
    print(
        f"   {reml.beta[name]:.2f}, standard error {reml.se[name]:.2f}. These are schools of mean status 0;"
    )
    print(f"   each unit of a school's mean status adds {reml.beta['cses:meanses']:.2f} to the slope.\n")

    print("4. What is explained?")
    r2 = reml.r2()
    left = post.icc().table().loc["school"]
    print(
        f"   R² {r2['marginal']:.2f} by the fixed part, {r2['conditional']:.2f} with the schools' own lines;"
    )
    print(
        f"   of what the fixed part leaves, {left['estimate']:.0%} is the schools' "
        f"({left['lower']:.0%} to {left['upper']:.0%}),"
    )
    before = empty.varcorr.query("group == 'school'")["vcov"].iloc[0]
    after = reml.varcorr.query("group == 'school' and term1 == 'Intercept' and term2.isna()")["vcov"].iloc[0]
    print(f"   whose intercepts vary {1 - after / before:.0%} less than without predictors.\n")

    slope_sd = draws["cses|school_sigma"].to_numpy().ravel()
    print("5. Do slopes differ beyond that?")
    estimate = reml.varcorr.query("group == 'school' and term1 == 'cses' and term2.isna()")["sdcor"].iloc[0]
    low, high = np.quantile(slope_sd, [0.025, 0.975])
    print(f"   REML puts the sd of what is left at {estimate:.2f}; the posterior reaches")
    print(f"   from {low:.2f} to {high:.2f}, with a mean of {slope_sd.mean():.2f}.")
    print(f"\n{post.certificate.verdict}")
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        bmm.plots.plot_shrinkage(reml).savefig(output / "shrinkage.png")
        print(f"\nPictures in {output}.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="a folder for pictures; without it nothing is saved")
    main(parser.parse_args().output)
