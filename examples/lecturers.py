"""Do ratings of lectures say more of the lecturer or of the student who rates?

73,421 ratings with crossed effects of students, lecturers and departments by REML; then the posterior of one
department, for what needs more than an estimate: who is the best lecturer, and how sure is that?

    python examples/lecturers.py [--output FOLDER]
"""

import argparse
import time
from pathlib import Path

import numpy as np

import bayesmm as bmm

WORDS = {"s": "students", "d": "lecturers", "dept": "departments"}


def main(output: Path | None) -> None:
    ratings = bmm.load_data("InstEval")
    start = time.perf_counter()
    reml = bmm.Model("y ~ service + (1 | s) + (1 | d) + (1 | dept)", ratings).fit()
    seconds = time.perf_counter() - start
    print(f"{len(ratings):,} ratings from 1 to 5; REML in {seconds:.0f} s: {reml.certificate.verdict}\n")

    print("1. Whose are the differences?")
    shares = reml.icc().estimate
    for group, share in shares.sort_values(ascending=False).items():
        effects = f"{len(reml.ranef[group]):,} {WORDS[group]}"
        print(f"   {effects:<16} {share:5.1%} of the variance")
    print(f"   The rest, {1 - shares.sum():.0%}, is neither. Lecturers account for")
    print(f"   {shares['d'] / shares['s']:.1f} times as much as students.")
    service = reml.beta["service[1]"]
    where, se = "lower" if service < 0 else "higher", reml.se["service[1]"]
    print(f"   Lectures for other departments are rated {abs(service):.2f} ± {se:.2f} {where}.\n")

    print("2. Whose effect is known well enough to tell it from the average?")
    for group in ("d", "s"):
        mode, sd = reml.ranef[group]["Intercept"], reml.ranef_sd[group]["Intercept"]
        clear = int((mode.abs() > 1.96 * sd).sum())
        print(f"   {clear:,} of {len(mode):,} {WORDS[group]} lie outside ±1.96 conditional sds.")

    smallest = ratings["dept"].value_counts().idxmin()
    own = ratings[ratings["dept"] == smallest]
    start = time.perf_counter()
    post = bmm.Model("y ~ service + (1 | s) + (1 | d)", own).sample(
        draws=500, random_seed=1, progressbar=False
    )
    seconds = time.perf_counter() - start
    print(f"\n3. Who is the best lecturer of department {smallest}?")
    lecturers = post.data["posterior"]["1|d"].stack(sample=("chain", "draw"))
    labels = lecturers["d__factor_dim"].to_numpy()
    first = (
        np.bincount(lecturers.to_numpy().argmax(axis=0), minlength=len(labels)) / lecturers.sizes["sample"]
    )
    raw = own.groupby("d", observed=True)["y"].agg(["mean", "size"])
    favourite, top = labels[first.argmax()], raw["mean"].idxmax()
    draws = lecturers.sizes["sample"]
    print(f"   {len(own):,} ratings of {len(labels)} lecturers; {draws:,} draws in {seconds:.0f} s.")
    size = raw["size"][favourite]
    print(f"   Number {favourite} is it with probability {first.max():.0%}, on {size} ratings.")
    needed = int(np.searchsorted(np.cumsum(np.sort(first)[::-1]), 0.9) + 1)
    print(f"   {needed} names are needed to have the best among them with probability 90%.")
    chance = first[list(labels).index(top)]
    print(f"   Number {top} has the highest raw mean, {raw['mean'][top]:.2f} of {raw['size'][top]} ratings;")
    print(f"   the probability that this is the best one is {chance:.0%}.")
    print(f"\n{post.certificate.verdict}")
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        bmm.plots.plot_effects(reml, group="dept").savefig(output / "departments.png")
        print(f"\nPictures in {output}.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="a folder for pictures; without it nothing is saved")
    main(parser.parse_args().output)
