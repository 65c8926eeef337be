"""How much slower does a night of three hours' sleep make people, and how much do people differ in it?

Random slopes, REML beside the posterior, and a prediction for somebody who was never measured.

    python examples/sleep_deprivation.py [--output FOLDER]
"""

import argparse
from pathlib import Path

import numpy as np

import bayesmm as bmm


def main(output: Path | None) -> None:
    sleep = bmm.load_data("sleepstudy")
    model = bmm.Model("Reaction ~ Days + (Days | Subject)", sleep)
    reml = model.fit()
    post = model.sample(random_seed=1, progressbar=False)
    draws = post.data["posterior"]

    print(f"{sleep['Subject'].nunique()} people, {len(sleep)} mean reaction times in ms: {model.formula}\n")
    print("1. What does a day cost on average?")
    slope = draws["Days"].to_numpy().ravel()
    lower, upper = np.quantile(slope, [0.025, 0.975])
    print(f"   REML       {reml.beta['Days']:.1f} ms a day, standard error {reml.se['Days']:.1f}")
    print(f"   posterior  {slope.mean():.1f} ms a day, 95% interval {lower:.1f} to {upper:.1f}\n")

    print("2. How much do people differ?")
    sd = draws["Days|Subject_sigma"].to_numpy().ravel()
    low, high = np.quantile(sd, [0.025, 0.975])
    rng = np.random.default_rng(1)
    faster = np.mean(slope + sd * rng.standard_normal(len(sd)) < 0)
    print(f"   Their slopes have an sd of {sd.mean():.1f} ms a day (95% {low:.1f} to {high:.1f});")
    print(f"   somebody else would get faster, not slower, with probability {faster:.1%}.")
    own = reml.coef["Subject"]["Days"]
    most, least = own.idxmax(), own.idxmin()
    print(f"   Most affected here: subject {most} ({own[most]:.1f}); least: {least} ({own[least]:.1f}).")
    positive = float((draws["corr|Subject"] > 0).mean())
    verdict = "the data leave it open" if 0.05 < positive < 0.95 else "the data settle it"
    print(f"   Those slow when rested are the more affected with probability {positive:.0%}: {verdict}.\n")

    print("3. What reaction time will somebody new have after nine days?")
    new = {"Days": [9], "Subject": ["new"]}
    table = reml.predict(new, new_levels="sample", kind="response").iloc[0]
    bayes = post.predict(new, new_levels="sample", kind="response", random_seed=2).iloc[0]
    for name, row in (("REML", table), ("posterior", bayes)):
        print(f"   {name:<10} {row['mean']:.0f} ms, 95% {row['lower']:.0f} to {row['upper']:.0f}")
    ratio = (bayes["upper"] - bayes["lower"]) / (table["upper"] - table["lower"])
    print(f"   The posterior's, which doesn't take the variances as known, is {ratio:.2f} times as wide.\n")

    comparison = bmm.compare(post, reml)
    print("4. Do the two ways agree?")
    print(f"   {comparison.verdict}")
    print(f"   {reml.certificate.verdict}")
    print(f"   {post.certificate.verdict}")
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        bmm.plots.plot_lines(reml).savefig(output / "lines.png")
        comparison.plot().savefig(output / "posterior_and_estimate.png")
        print(f"\nPictures in {output}.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="a folder for pictures; without it nothing is saved")
    main(parser.parse_args().output)
