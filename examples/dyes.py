"""Do batches of dyestuff differ in their yield, and what does an estimate of zero mean?

Two data sets of one design: in the second REML puts the variance between batches at exactly zero. What the
posterior, the evidence and leaving out whole batches say then.

    python examples/dyes.py [--output FOLDER]
"""

import argparse
from pathlib import Path

import numpy as np

import bayesmm as bmm

FORMULA = "Yield ~ 1 + (1 | Batch)"
SMALL = 1e-3
"""Batches whose sd is a thousandth of that of the yields are as good as equal."""


def main(output: Path | None) -> None:
    for name in ("Dyestuff", "Dyestuff2"):
        dyes = bmm.load_data(name)
        model = bmm.Model(FORMULA, dyes)
        reml = model.fit()
        post = model.sample(random_seed=1, progressbar=False)
        sd = post.data["posterior"]["1|Batch_sigma"].to_numpy().ravel()
        estimate = reml.varcorr["sdcor"].iloc[0]

        print(f"{name}: {dyes['Batch'].nunique()} batches, {len(dyes)} yields")
        print(
            f"  sd between batches by REML  {estimate:.2f}" + (", on the boundary" if reml.singular else "")
        )
        print(f"  sd within batches           {reml.sigma:.2f}")
        print(f"  mean yield                  {reml.beta['Intercept']:.2f} ± {reml.se['Intercept']:.2f}")
        _, upper = reml.profile("1|Batch_sigma").interval(0.95)
        print(f"  the likelihood's profile allows an sd between batches of up to {upper:.2f} (95%);")
        low, high = np.quantile(sd, [0.025, 0.975])
        print(f"  the posterior's interval is {low:.2f} to {high:.2f}, its mean {sd.mean():.2f},")
        tiny = np.mean(sd < 0.1 * reml.sigma)
        print(f"  less than a tenth of the sd within batches with probability {tiny:.3f}.")

        prior = bmm.Prior("HalfNormal", sigma=SMALL * float(np.std(dyes["Yield"], ddof=1)))
        equal = bmm.Model(FORMULA, dyes, priors=model.priors | {"1|Batch_sigma": prior})
        alike = equal.sample(random_seed=2, progressbar=False)
        log_ratio = post.log_evidence - alike.log_evidence
        favoured = "that batches differ" if log_ratio > 0 else "that they are alike"
        print(f"  evidence {np.exp(abs(log_ratio)):.1f} to 1 for {favoured},")
        left_out = {key: fitted.loo("Batch") for key, fitted in (("differ", post), ("alike", alike))}
        gain = left_out["differ"].elpd_i - left_out["alike"].elpd_i
        total, se = float(gain.sum()), float(np.sqrt(gain.size * gain.var(ddof=1)))
        better = "differ" if total > 0 else "are alike"
        print(f"  and a batch left out is predicted better if they {better}:")
        print(f"  by {abs(total):.1f} ± {se:.1f} in the log density of all batches.\n")
        if output is not None:
            output.mkdir(parents=True, exist_ok=True)
            bmm.plots.plot_profile(reml, post, "1|Batch_sigma").savefig(output / f"{name}.png")
    if output is not None:
        print(f"Pictures in {output}.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="a folder for pictures; without it nothing is saved")
    main(parser.parse_args().output)
