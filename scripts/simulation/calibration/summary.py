"""How often each kind of range holds its truth, and what that can be by chance."""

from __future__ import annotations

import polars as pl
from scipy import stats

# What tells the rows of the summary apart.
KEY = ["batch", "interval_kind", "mart", "platform", "figure", "allocation_rule"]
KEY += ["estimator", "scope", "target"]
NOMINAL = 0.95
SIMULTANEOUS_ALPHA = 0.001
# Ends are sums of doubles: their last digits are not a miss.
ROUNDING = 1e-9
# Few truths of a category give a low share by chance.
TRUTHS_OF_A_CATEGORY = 100


def summary(judged: pl.DataFrame) -> pl.DataFrame:
    """The rows of the calibration's seed, from one row per range and truth.

    Shares in percent, widths and shifts in percentage points.
    """
    low, high, shift = map(pl.col, ("low_pct", "high_pct", "shift_points"))
    target, share, inside = map(pl.col, ("target_pct", "share", "is_inside"))

    def holds(value: pl.Expr) -> pl.Expr:
        return value.is_between(low - ROUNDING, high + ROUNDING)

    truths = judged.with_columns(
        has_interval=low.is_not_null() & high.is_not_null(), is_inside=holds(target)
    )
    shown = truths.filter("has_interval")
    measured = shown.group_by(KEY).agg(
        truth_count=pl.len(),
        inside_count=inside.sum(),
        share=inside.mean(),
        unshifted_inside_pct=100 * holds(target + shift).mean(),
        mean_shift_points=shift.abs().mean(),
        mean_width_points=(high - low).mean(),
        mean_effective_task_count=pl.col("effective_task_count").mean(),
    )
    lacking = truths.group_by(KEY).agg(
        without_interval_count=(~pl.col("has_interval")).sum()
    )
    rows = (
        measured.join(lacking, on=KEY)
        .join(_independent(shown), on=KEY)
        .join(_lowest(shown), on=KEY, how="left")
    )
    return (
        _banded(rows)
        .with_columns(
            inside_pct=100 * share,
            verdict=pl.when(
                pl.col("target") == "realised_all_tasks",
                pl.col("scope") != "all_with_pseudo",
            )
            .then(pl.lit("not_promised"))
            .when(pl.col("interval_kind") != "bounds")
            .then(
                pl.when(100 * share < pl.col("band_low_pct") - ROUNDING)
                .then(pl.lit("covers_too_rarely"))
                # a band is widened by all that the hidden conversations can be
                .when(
                    pl.col("interval_kind") != "uncertainty",
                    100 * share > pl.col("band_high_pct") + ROUNDING,
                )
                .then(pl.lit("covers_too_often"))
                .otherwise(pl.lit("covers"))
            )
            .when(share == 1)
            .then(pl.lit("holds"))
            .otherwise(pl.lit("broken")),
        )
        .sort("interval_kind", *KEY)
        .select(
            *KEY,
            "release_count",
            "truth_count",
            "without_interval_count",
            "independent_truth_count",
            "inside_count",
            pl.col("inside_pct", "inside_low_pct", "inside_high_pct").round(2),
            pl.col("band_low_pct", "band_high_pct").round(2),
            "lowest_category",
            pl.col("lowest_category_inside_pct", "unshifted_inside_pct").round(2),
            pl.col("mean_shift_points", "mean_width_points").round(2),
            pl.col("mean_effective_task_count").round(1),
            "verdict",
        )
    )


def _independent(shown: pl.DataFrame) -> pl.DataFrame:
    """How many independent truths there are as good as.

    Releases are independent, the truths within one are not. The design effect is how
    much more the share varies than that of as many independent truths; where every
    truth is inside (or none) it can't be measured, and a release counts as one truth.
    """
    truths, hits, share = pl.col("truths"), pl.col("hits"), pl.col("overall")
    releases = shown.group_by(*KEY, "release_id").agg(
        truths=pl.len(), hits=pl.col("is_inside").sum()
    )
    variance = share * (1 - share)
    effect = (
        pl.when(variance.first() > 0)
        .then(
            ((hits - truths * share) ** 2).sum() / (truths * variance).sum(),
        )
        .otherwise(truths.sum() / pl.len())
    )
    return (
        releases.with_columns(overall=(hits.sum() / truths.sum()).over(KEY))
        .group_by(KEY)
        .agg(
            release_count=pl.len(),
            independent=truths.sum() / effect.clip(lower_bound=1),
        )
    )


def _lowest(shown: pl.DataFrame) -> pl.DataFrame:
    """The category of each pattern or use case figure that is held least often."""
    return (
        shown.filter(pl.col("figure").is_in(["pattern", "use_case"]))
        .group_by(*KEY, "category")
        .agg(pl.len(), lowest_category_inside_pct=100 * pl.col("is_inside").mean())
        .filter(pl.col("len") >= TRUTHS_OF_A_CATEGORY)
        .sort("lowest_category_inside_pct", "category")
        .group_by(KEY)
        .agg(
            lowest_category=pl.first("category"),
            lowest_category_inside_pct=pl.first("lowest_category_inside_pct"),
        )
    )


def _banded(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with the Wilson interval of the share and, but for bounds, its band.

    An interval of 95% is inside its band with 99.9% over all rows together: each row
    has its share (Bonferroni) of the 0.1%, half at each end of a binomial count.
    """
    z, share, trials = stats.norm.ppf(0.975), pl.col("share"), pl.col("independent")
    spread = z * (share * (1 - share) / trials + (z / trials) ** 2 / 4).sqrt()
    middle, scale = share + z * z / (2 * trials), 100 / (1 + z * z / trials)
    rows = rows.with_columns(
        inside_low_pct=(scale * (middle - spread)).clip(lower_bound=0),
        inside_high_pct=(scale * (middle + spread)).clip(upper_bound=100),
        independent_truth_count=trials.round(mode="half_away_from_zero").cast(int),
    )
    is_interval = pl.col("interval_kind") != "bounds"
    alpha = SIMULTANEOUS_ALPHA / rows.filter(is_interval).height
    count = rows["independent_truth_count"].to_numpy()
    band = {
        f"band_{end}_pct": pl.Series(100 * stats.binom.ppf(p, count, NOMINAL) / count)
        for end, p in (("low", alpha / 2), ("high", 1 - alpha / 2))
    }
    return rows.with_columns(
        pl.when(is_interval).then(values).alias(name) for name, values in band.items()
    )
