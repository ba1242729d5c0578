"""The ten questions of the page, answered from the rows of the marts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from markupsafe import Markup

from report import questions as ask
from report.charts import range_panel
from report.parts import (
    PLATFORMS,
    Column,
    Figure,
    Row,
    Section,
    Slice,
    Table,
    counted,
    data,
    number,
    sentence,
    share,
)
from report.questions import RULE, Warehouse

BASES = {"all_conversations": "All conversations", "named_tasks": "Named tasks"}
USE_CASES = {"coursework": "Coursework", "work": "Work", "personal": "Personal"}
USE_CASE_BASES = {
    "with_residual": "All, residual included",
    "without_residual": "Named use cases only",
    "task_renormalised": "Mean over tasks",
}
ESTIMATORS = {
    "all_conversations": "All conversations",
    "pooled": "Pooled",
    "task_renormalised": "Mean over tasks",
}
SUCCESS_ESTIMATORS = {
    "published_yes": "Yes of all (published_yes)",
    "yes_over_answered": "Yes of yes and no (yes_over_answered)",
}
STATUSES = {
    "match": "holds",
    "match_other_definition": "holds under another definition",
    "contradicted": "contradicted",
    "partial_input": "part of the cells is not in this copy",
    "not_computable": "can't be computed here",
}
REASONS = {
    "suppressed_cells": "suppression cuts off the numerator",
    "fractional_allocation": "the count is split between groups",
    "per_million_counts": "counts are re-based to one million",
    "partial_copy": "this copy lacks some of the cells",
    "too_few_tasks": "too few tasks",
    "residual": "it is what is left over, not a label",
    "none_visible": "no cell of it is published",
    "not_in_copy": "this copy lacks the facet",
    "no_suppressed": "the no cell is suppressed",
    "yes_suppressed": "the yes cell is suppressed",
}
BOUND_UNSEEN = (
    "Band: from none to all of the unseen conversations counted as this. A bound, with "
    "no probability attached."
)
BOUND_SUPPRESSED = (
    "Band: what suppressed cells leave open, from nothing to all they can hold. A "
    "bound, with no probability attached."
)
INTERVAL_TASKS = (
    "Line: 95% interval over tasks. It answers whether the share would hold with other "
    "tasks of this kind, and knows nothing of what is suppressed."
)
INTERVAL_WEEK = "Line: 95% Wilson interval of the week's draw of conversations."
COUNTS = ("conversation_count", "base_conversation_count")
RANGES = (
    Column("share_pct", "Share, %", "pct"),
    Column("bound_low_pct", "Bound, low", "pct"),
    Column("bound_high_pct", "Bound, high", "pct"),
    Column("interval_low_pct", "95% interval, low", "pct"),
    Column("interval_high_pct", "95% interval, high", "pct"),
    Column("interval", "Kind of interval, or why none"),
)
RANGE_COLUMNS = (
    "share_pct",
    "bound_low_pct",
    "bound_high_pct",
    "interval_low_pct",
    "interval_high_pct",
)
WHERE = (Column("release_id", "Release", "code"), Column("platform", "Platform"))
COUNTED = (
    Column("conversation_count", "Count", "count"),
    Column("base_conversation_count", "Base", "count"),
)


def build(warehouse: Warehouse) -> list[Section]:
    """The sections of the page in their order, each figure with its caveats."""
    sections = [
        how_much(warehouse),
        who(warehouse),
        how(warehouse),
        how_well(warehouse),
        how_concentrated(warehouse),
        where(warehouse),
        platforms(warehouse),
        between_releases(warehouse),
        which_hold(warehouse),
        what_not(warehouse),
    ]
    for section in sections:
        for figure in section.figures:
            figure.caveats = ask.caveats(
                warehouse,
                figure.mart,
                (*figure.columns, *(("is_simulated",) * figure.is_simulated)),
            )
    return sections


# Helpers ------------------------------------------------------------------------------


def of(rows: Iterable[Row], each: Slice, **values: object) -> list[Row]:
    """The rows of a slice that have these values."""
    return [
        row
        for row in rows
        if (row["release_id"], row["platform"]) == each.key
        and all(row[key] == value for key, value in values.items())
    ]


def only(rows: Iterable[Row], each: Slice, **values: object) -> Row | None:
    """The one row of a slice that has these values, or None."""
    found = of(rows, each, **values)
    return found[0] if len(found) == 1 else None


def with_words(rows: Sequence[Row]) -> list[Row]:
    """The rows with the platform, and the interval or why there is none, in words."""
    return [
        row
        | {
            "platform": PLATFORMS.get(row["platform"], row["platform"]),
            "interval": interval_words(row),
        }
        for row in rows
    ]


def interval_words(row: Row) -> str:
    """The kind of interval, else the reason that stands instead of it."""
    if row.get("interval_kind"):
        return str(row["interval_kind"])
    reason = row.get("interval_missing_reason")
    if reason is None:
        return ""
    return f"{reason}: {REASONS.get(reason, 'see the docs of the column')}"


def highest(rows: Iterable[Row], *keys: str) -> float | None:
    """The end of a common scale for several panels."""
    values = [row[key] for row in rows for key in keys if row.get(key) is not None]
    return max(values, default=None)


def absence(
    warehouse: Warehouse, facet: str, with_rows: set[tuple[str, str]]
) -> list[Markup]:
    """Why slices without rows have none: not in this copy, or never published."""
    status = ask.coverage(warehouse, facet, "global")
    texts = []
    for each in warehouse.slices:
        if each.key in with_rows:
            continue
        if status.get(each.key) == "not_in_copy":
            text = (
                "Not in this copy: {} publishes the facet <code>{}</code>, but the "
                "loaded file does not hold it."
            )
        elif each.key in status:
            text = "{} holds <code>{}</code>, but nothing of it can be shown."
        else:
            text = "{} does not publish the facet <code>{}</code>."
        texts.append(sentence(text, each.label, facet))
    return texts


def panels_of(
    slices: Sequence[Slice], draw: Callable[[Slice], list[Row]], **how: object
) -> list:
    """One panel per slice, on a common scale."""
    rows = [row for each in slices for row in draw(each)]
    top = highest(
        rows, "share_pct", "success_pct", "bound_high_pct", "interval_high_pct"
    )
    return [
        range_panel(
            draw(each),
            title=each.label,
            is_simulated=each.is_simulated,
            x_max=top,
            **how,  # type: ignore[arg-type]
        )
        for each in slices
    ]


def base_words(slices: Sequence[Slice], rows: Sequence[Row]) -> str:
    """The bases of the figure by slice: smallest to largest where there are several."""
    parts = []
    for each in slices:
        bases = [
            row["base_conversation_count"]
            for row in of(rows, each)
            if row["base_conversation_count"] is not None
        ]
        if not bases:
            continue
        low, high = f"{min(bases):,.0f}", f"{max(bases):,.0f}"
        span = low if low == high else f"{low} to {high}"
        parts.append(f"{each.label}: {span} {each.unit}")
    return "; ".join(parts) or "no base is known"


def no_interval(rows: Sequence[Row]) -> list[Markup]:
    """A note on the reasons why rows of a figure have no interval."""
    reasons = sorted(
        {row["interval_missing_reason"] for row in rows} - {None}  # type: ignore[type-var]
    )
    if not reasons:
        return []
    texts = Markup("; ").join(
        sentence(
            "<code>{}</code>, {}",
            reason,
            REASONS.get(reason, "see the docs of the column"),
        )
        for reason in reasons
    )
    some = all(row.get("interval_kind") is None for row in rows)
    return [
        sentence("{} interval: {}.", "No" if some else "Where there is no", texts)
        if some
        else sentence("Where a row has no interval: {}.", texts)
    ]


# 1 ------------------------------------------------------------------------------------


def how_much(warehouse: Warehouse) -> Section:
    """How much of the use is education, by which definition."""
    rows = ask.education_shares(warehouse)
    rule_titles = {
        row["allocation_rule"]: row["rule_title"] for row in ask.rules(warehouse)
    }
    slices = [each for each in warehouse.slices if of(rows, each)]
    main = slices[0] if slices else warehouse.slices[0]
    reading = _share_reading(rows, main)
    definitions = Markup(" ").join(
        sentence("<b>{}</b>: {}.", row["rule_title"], row["definition"])
        for row in ask.rules(warehouse)
    )
    section = Section(
        "how-much",
        "How much of the use is education, by which definition?",
        sentence(
            "Education is a definition, not a constant. A classifier gave each "
            "conversation a task of the O*NET list; a task counts as education when "
            "its occupations lie in SOC group 25. Four rules say which tasks those "
            "are, two bases say of what the share is taken. {}",
            definitions,
        ),
        short=reading,
    )
    if slices:
        section.figures.append(
            Figure(
                "education-share",
                "Education share under four rules and two bases",
                reading,
                base_words(slices, rows),
                "fct_education_shares",
                ("allocation_rule", *COUNTS, *RANGE_COLUMNS),
                tuple(slices),
                panels_of(
                    slices,
                    lambda each: of(rows, each),
                    label=rule_titles,
                    label_key="allocation_rule",
                    series=BASES,
                    series_key="share_base",
                    x_title="Share of the base that is education",
                ),
                Table(
                    "Education share by release, platform, rule and base",
                    (
                        *WHERE,
                        Column("allocation_rule", "Rule", "code"),
                        Column("share_base", "Base of the share", "code"),
                        Column("task_count", "Tasks", "count"),
                        *COUNTED,
                        Column("unseen_conversation_count", "Unseen", "count"),
                        *RANGES,
                    ),
                    with_words([row for each in slices for row in of(rows, each)]),
                ),
                bound=BOUND_UNSEEN,
                notes=no_interval(rows),
            )
        )
    groups = ask.occupation_groups(warehouse)
    for n, each in enumerate(slices):
        own = of(groups, each)
        if own:
            section.figures.append(_groups_figure(own, each, is_more=n > 0))
    return section


def _share_reading(rows: Sequence[Row], each: Slice) -> Markup:
    """The education share in one sentence."""
    own = of(rows, each)
    wide = only(own, each, allocation_rule=RULE, share_base="all_conversations")
    if wide is None or wide["share_pct"] is None:
        return sentence("{}, no education task is visible.", each.where)
    shares = [row["share_pct"] for row in own if row["share_pct"] is not None]
    return sentence(
        "{}, {} of {} {} ({}) carry an education task under the widest rule; "
        "if all unseen ones did too, it would be {}. "
        "Over the four rules and two bases the visible share runs from {} to {}.",
        each.where,
        counted(wide["conversation_count"]),
        counted(wide["base_conversation_count"]),
        each.unit,
        share(wide["share_pct"]),
        share(wide["bound_high_pct"]),
        share(min(shares)),
        share(max(shares)),
    )


def _groups_figure(rows: Sequence[Row], each: Slice, is_more: bool) -> Figure:
    """All occupation groups of one slice, so that a rank has its others beside it."""
    shown = [row for row in rows if row["share_pct"] is not None]
    label = {
        row["soc_major_group"]: f"{row['soc_major_group']} "
        f"{row['group_title'] or 'Group without a title'}"
        for row in shown
    }
    education = next((row for row in shown if row["soc_major_group"] == "25"), None)
    if education is None:
        reading = sentence("{}, education is not among the visible groups.", each.where)
    else:
        overlap = [
            row["group_title"]
            for row in shown
            if row is not education
            and row["bound_low_pct"] <= education["bound_high_pct"]
            and row["bound_high_pct"] >= education["bound_low_pct"]
        ]
        reading = sentence(
            "{}, education (group 25) stands at place {} of {} visible groups with {}; "
            "its range overlaps with that of {} {}.",
            each.where,
            counted(education["share_rank"]),
            len(shown),
            share(education["share_pct"]),
            len(overlap),
            "other group" if len(overlap) == 1 else "other groups",
        )
    return Figure(
        f"occupation-groups-{each.slug}",
        f"Education among the occupation groups: {each.label}",
        reading,
        base_words([each], rows),
        "fct_occupation_group_shares",
        (*COUNTS, "share_pct", "share_rank", "bound_low_pct", "bound_high_pct"),
        (each,),
        [
            range_panel(
                shown,
                title=each.label,
                label=label,
                label_key="soc_major_group",
                x_title="Share of all conversations, rule any_holder",
                is_simulated=each.is_simulated,
            )
        ],
        Table(
            f"Occupation groups, {each.label}",
            (
                Column("share_rank", "Rank", "count"),
                Column("soc_major_group", "Group", "code"),
                Column("group_title", "Title"),
                Column("task_count", "Tasks", "count"),
                *COUNTED,
                *RANGES,
            ),
            with_words(rows),
        ),
        bound=BOUND_UNSEEN,
        notes=[
            Markup(
                "Under this rule groups overlap: a task of several groups counts in "
                "each, and the shares sum to more than 100%. A rank is only as firm as "
                "the gaps between the bands."
            ),
            *no_interval(rows),
        ],
        is_more=is_more,
    )


# 2 ------------------------------------------------------------------------------------


def who(warehouse: Warehouse) -> Section:
    """Use cases of education, and coursework in the scopes."""
    rows = ask.use_cases(warehouse)
    slices = [each for each in warehouse.slices if of(rows, each, scope="education")]
    section = Section(
        "who",
        "Who: coursework, work or personal?",
        Markup(
            "Nobody was asked. A classifier said of each conversation whether it looks "
            "like coursework, work or something personal. This is another axis than "
            "the task: much coursework sits in tasks of other groups, and not all that "
            "is done in education tasks is coursework."
        ),
        absent=absence(warehouse, "onet_task::use_case", {each.key for each in slices}),
    )
    if not slices:
        section.short = Markup("The use cases of tasks are not in this copy.")
        return section
    named = [row for row in rows if row["use_case"] in USE_CASES]
    education = [row for row in named if row["scope"] == "education"]
    main = slices[0]
    parts = [
        (
            title.lower(),
            only(education, main, use_case=key, share_base="with_residual"),
        )
        for key, title in USE_CASES.items()
    ]
    reading = sentence(
        "{}, of all {} in education tasks {}.",
        main.where,
        main.unit,
        _listed(
            sentence(
                "{} {} {}",
                share(row["share_pct"]) if row else "an unknown share",
                "are" if n == 0 else "",
                title,
            )
            for n, (title, row) in enumerate(parts)
        ),
    )
    section.short = reading
    table = (
        *WHERE,
        Column("scope", "Scope", "code"),
        Column("use_case", "Use case"),
        Column("share_base", "Base of the share", "code"),
        Column("task_with_use_case_count", "Tasks with a use case", "count"),
        Column("task_count", "Tasks", "count"),
        *COUNTED,
        *RANGES,
    )
    columns = ("use_case", *COUNTS, *RANGE_COLUMNS)
    section.figures.append(
        Figure(
            "use-case",
            "Use cases of education tasks on three bases",
            reading,
            base_words(slices, education),
            "fct_use_case_shares",
            columns,
            tuple(slices),
            panels_of(
                slices,
                lambda each: of(education, each),
                label=USE_CASES,
                label_key="use_case",
                series=USE_CASE_BASES,
                series_key="share_base",
                x_title="Share of the base",
            ),
            Table(
                "Use cases of education tasks, residuals included",
                table,
                with_words([r for s in slices for r in of(rows, s, scope="education")]),
            ),
            ("share", "bound", "interval"),
            BOUND_SUPPRESSED + " Only the base that holds the residual has one.",
            INTERVAL_TASKS,
            no_interval([row for row in rows if row["scope"] == "education"]),
        )
    )
    titles = ask.shown_scopes(warehouse)
    coursework = [
        row
        for row in named
        if row["use_case"] == "coursework"
        and row["share_base"] == "with_residual"
        and row["scope"] in titles
    ]
    inside = only(coursework, main, scope="education")
    outside = only(coursework, main, scope=ask.BASELINE)
    reading = sentence(
        "{}, coursework makes up {} of education and {} of the named tasks outside "
        "it, where {} {} are coursework.",
        main.where,
        share(inside["share_pct"] if inside else None),
        share(outside["share_pct"] if outside else None),
        counted(outside["conversation_count"] if outside else None),
        main.unit,
    )
    section.figures.append(
        Figure(
            "coursework-by-scope",
            "Coursework inside and outside education",
            reading,
            base_words(slices, coursework),
            "fct_use_case_shares",
            columns,
            tuple(slices),
            panels_of(
                slices,
                lambda each: of(coursework, each),
                label=titles,
                label_key="scope",
                x_title="Coursework, share of all conversations of the scope",
            ),
            Table("Coursework by scope", table, with_words(coursework)),
            ("share", "bound", "interval"),
            BOUND_SUPPRESSED,
            INTERVAL_TASKS,
            no_interval(coursework),
        )
    )
    return section


def _listed(parts: Iterable[Markup]) -> Markup:
    """Parts joined as in a sentence."""
    *first, last = list(parts)
    if not first:
        return last
    return Markup(", ").join(first) + Markup(" and ") + last


# 3 ------------------------------------------------------------------------------------


def how(warehouse: Warehouse) -> Section:
    """Interaction patterns by subsector, and by estimator."""
    rows = ask.pattern_shares(warehouse)
    meanings = ask.patterns(warehouse)
    names = {
        row["pattern"]: row["pattern_title"]
        for row in meanings
        if row["is_named_pattern"]
    }
    slices = [each for each in warehouse.slices if of(rows, each, scope="education")]
    explained = Markup(" ").join(
        sentence("<b>{}</b>: {}.", row["pattern_title"], row["meaning"])
        for row in meanings
        if row["is_named_pattern"]
    )
    section = Section(
        "how",
        "How do people work with the model?",
        sentence(
            "Each conversation has one interaction pattern. It says how the work went "
            "back and forth. It is not an intent and not a learning outcome. {}",
            explained,
        ),
        absent=absence(
            warehouse, "onet_task::collaboration", {each.key for each in slices}
        ),
    )
    if not slices:
        section.short = Markup("The patterns of tasks are not in this copy.")
        return section
    titles = ask.shown_scopes(warehouse)
    for n, each in enumerate(slices):
        own = [
            row
            for row in of(rows, each, estimator="all_conversations")
            if row["scope"] in titles
        ]
        figure = _patterns_figure(own, each, titles, names, is_more=n > 0)
        section.figures.append(figure)
    section.short = section.figures[0].reading
    calibrated = {row["batch"]: row for row in ask.pattern_calibration(warehouse)}
    if {"published", "unsuppressed"} <= set(calibrated):
        note = sentence(
            "What these intervals cover was measured on simulated releases: with "
            "nothing suppressed they held the known truth in {} of the cases, with "
            "cells suppressed as in the real files in {}, not in 95%. Read band and "
            "line together.",
            share(calibrated["unsuppressed"]["inside_pct"]),
            share(calibrated["published"]["inside_pct"]),
        )
        section.figures[0].notes.append(note)
    education = [row for row in rows if row["scope"] == "education"]
    section.figures.append(_estimators_figure(education, slices, names))
    section.figures.sort(key=lambda figure: figure.is_more)
    return section


def _patterns_figure(
    rows: Sequence[Row],
    each: Slice,
    titles: dict[str, str],
    names: dict[str, str],
    is_more: bool,
) -> Figure:
    """The five patterns of one slice by scope, a panel each."""
    education = {row["pattern"]: row for row in rows if row["scope"] == "education"}
    seen = [
        (name, education[key])
        for key, name in names.items()
        if key in education and education[key]["share_pct"] is not None
    ]
    if seen:
        name, most = max(seen, key=lambda pair: pair[1]["share_pct"])
        reading = sentence(
            "{}, the most frequent pattern of education is {} with {} of {} {} "
            "(bounds {} to {}{}); {} of {} tasks publish any pattern, and {} of the "
            "conversations lie in no published cell.",
            each.where,
            name.lower(),
            share(most["share_pct"]),
            counted(most["base_conversation_count"]),
            each.unit,
            data(most["bound_low_pct"], number(most["bound_low_pct"])),
            share(most["bound_high_pct"]),
            sentence(
                ", interval {} to {}",
                data(most["interval_low_pct"], number(most["interval_low_pct"])),
                share(most["interval_high_pct"]),
            )
            if most["interval_low_pct"] is not None
            else "",
            counted(most["task_with_pattern_count"]),
            counted(most["task_count"]),
            share(most["suppressed_pct"]),
        )
    else:
        reading = sentence("{}, no pattern of education is visible.", each.where)
    named = [row for row in rows if row["pattern"] in names]
    top = highest(named, "share_pct", "bound_high_pct", "interval_high_pct")
    return Figure(
        f"patterns-{each.slug}",
        f"Interaction patterns by subsector: {each.label}",
        reading,
        base_words([each], named),
        "fct_interaction_patterns",
        ("pattern", *COUNTS, *RANGE_COLUMNS),
        (each,),
        [
            range_panel(
                [row for row in named if row["pattern"] == key],
                title=name,
                label=titles,
                label_key="scope",
                x_title="Share of all conversations of the scope",
                is_simulated=each.is_simulated,
                x_max=top,
            )
            for key, name in names.items()
        ],
        Table(
            f"Patterns by scope, {each.label}",
            (
                Column("scope", "Scope", "code"),
                Column("pattern", "Pattern"),
                Column("task_with_pattern_count", "Tasks with a pattern", "count"),
                Column("task_count", "Tasks", "count"),
                Column("effective_task_count", "Effective tasks", "number"),
                *COUNTED,
                *RANGES,
            ),
            with_words(rows),
        ),
        ("share", "bound", "interval"),
        BOUND_SUPPRESSED,
        INTERVAL_TASKS,
        no_interval([row for row in rows if row["pattern"] in names]),
        is_more=is_more,
    )


def _estimators_figure(
    rows: Sequence[Row], slices: Sequence[Slice], names: dict[str, str]
) -> Figure:
    """Education patterns under the three estimators."""
    main = slices[0]
    gaps = []
    for key, name in names.items():
        values = [
            row["share_pct"]
            for row in of(rows, main, pattern=key)
            if row["share_pct"] is not None
        ]
        if len(values) > 1:
            gaps.append((max(values) - min(values), name, min(values), max(values)))
    if gaps:
        _, name, low, high = max(gaps)
        reading = sentence(
            "{}, the choice of estimator moves {} most: from {} to {}.",
            main.where,
            name.lower(),
            share(low),
            share(high),
        )
    else:
        reading = sentence("{}, there is nothing to compare.", main.where)
    return Figure(
        "pattern-estimators",
        "What the estimator does to the patterns of education",
        reading,
        base_words(slices, rows),
        "fct_interaction_patterns",
        ("pattern", "estimator", *COUNTS, *RANGE_COLUMNS),
        tuple(slices),
        panels_of(
            slices,
            lambda each: of(rows, each),
            label=names,
            label_key="pattern",
            series=ESTIMATORS,
            series_key="estimator",
            x_title="Share of the base of the estimator",
        ),
        Table(
            "Education patterns by estimator",
            (
                *WHERE,
                Column("estimator", "Estimator", "code"),
                Column("pattern", "Pattern"),
                Column("task_with_pattern_count", "Tasks with a pattern", "count"),
                Column("task_count", "Tasks", "count"),
                *COUNTED,
                *RANGES,
            ),
            with_words([row for each in slices for row in of(rows, each)]),
        ),
        ("share", "bound", "interval"),
        BOUND_SUPPRESSED + " Only the base of all conversations has one.",
        INTERVAL_TASKS,
        [
            Markup(
                "All conversations: nothing is thrown away. Pooled: the five published "
                "patterns are the base. Mean over tasks: each task's published "
                "patterns scaled to 100, averaged by size; suppressed cells drop out."
            ),
            *no_interval(rows),
        ],
    )


# 4 ------------------------------------------------------------------------------------


def how_well(warehouse: Warehouse) -> Section:
    """Success by scope and estimator."""
    rows = [row for row in ask.success(warehouse) if row["status"] != "not_in_copy"]
    slices = [each for each in warehouse.slices if of(rows, each, scope="education")]
    section = Section(
        "how-well",
        "How often did the model judge its answer a success?",
        Markup(
            "Task success is the model's own assessment that the request was "
            "addressed. It is not learning, and no rating of quality."
        ),
        absent=absence(
            warehouse, "onet_task::task_success", {each.key for each in slices}
        ),
    )
    if not slices:
        section.short = Markup("The success of tasks is not in this copy.")
        return section
    main = slices[0]
    yes = only(rows, main, scope="education", estimator="published_yes")
    answered = only(rows, main, scope="education", estimator="yes_over_answered")
    if yes is None or yes["success_pct"] is None:
        reading = sentence("{}, no success cell of education is visible.", main.where)
    else:
        reading = sentence(
            "{}, {} of {} {} in education tasks that publish a yes were judged a "
            "success ({}), {} where only yes and no are counted; over all tasks it "
            "lies between {} and {}. {} of {} tasks publish a yes{}.",
            main.where,
            counted(yes["yes_count"]),
            counted(yes["base_conversation_count"]),
            main.unit,
            share(yes["success_pct"]),
            share(answered["success_pct"] if answered else None),
            share(yes["bound_low_pct"]),
            share(yes["bound_high_pct"]),
            counted(yes["task_with_success_count"]),
            counted(yes["task_count"]),
            sentence(
                "; this copy lacks the success cells of {} tasks",
                counted(yes["task_not_in_copy_count"]),
            )
            if yes["task_not_in_copy_count"]
            else "",
        )
    section.short = reading
    titles = ask.shown_scopes(warehouse)
    shown = [row for row in rows if row["scope"] in titles]
    partial = sorted(
        {row["release_id"] for row in shown if row["status"] == "partial_copy"}
    )
    notes = no_interval(shown)
    if partial:
        notes.insert(
            0,
            sentence(
                "Of {} this copy holds only part of the success cells; its figures are "
                "marked <code>partial_copy</code>.",
                ", ".join(partial),
            ),
        )
    section.figures.append(
        Figure(
            "success",
            "Self-assessed success by subsector",
            reading,
            base_words(slices, shown),
            "fct_task_success",
            (
                "success_pct",
                "yes_count",
                "bound_low_pct",
                "bound_high_pct",
                "interval_low_pct",
                "interval_high_pct",
            ),
            tuple(slices),
            panels_of(
                slices,
                lambda each: of(shown, each),
                label=titles,
                label_key="scope",
                value_key="success_pct",
                series=SUCCESS_ESTIMATORS,
                series_key="estimator",
                x_title="Judged a success by the model, share of the base",
            ),
            Table(
                "Self-assessed success by scope and estimator",
                (
                    *WHERE,
                    Column("scope", "Scope", "code"),
                    Column("estimator", "Estimator", "code"),
                    Column(
                        "task_with_success_count", "Tasks that publish yes", "count"
                    ),
                    Column("task_count", "Tasks", "count"),
                    Column("yes_count", "Yes", "count"),
                    Column("base_conversation_count", "Base", "count"),
                    Column("scope_conversation_count", "Base of the bounds", "count"),
                    Column("success_pct", "Success, %", "pct"),
                    *RANGES[1:],
                    Column("status", "Status", "code"),
                ),
                with_words([row for each in slices for row in of(shown, each)]),
            ),
            ("share", "bound", "interval"),
            "Band: lowest and highest share of yes over all conversations of the "
            "scope. A bound, with no probability attached. The dots leave tasks out "
            "and may lie beside it.",
            INTERVAL_TASKS,
            notes,
        )
    )
    return section


# 5 ------------------------------------------------------------------------------------


def how_concentrated(warehouse: Warehouse) -> Section:
    """How few tasks the figures rest on."""
    rows = ask.concentration(warehouse)
    education = [
        row
        for row in rows
        if row["scope"] == "education" and row["share_base"] == "scope"
    ]
    slices = [each for each in warehouse.slices if of(education, each)]
    section = Section(
        "how-concentrated",
        "How few tasks does a figure rest on?",
        Markup(
            "A share of education is a sum over tasks of very different size. The "
            "effective number of tasks says how many tasks of equal size would be as "
            "concentrated; with few of them one task can move a figure."
        ),
    )
    if not slices:
        section.absent = absence(warehouse, "onet_task", set())
        section.short = Markup("No education task is visible in this copy.")
        return section
    main = slices[0]
    ten = only(education, main, top_k=10)
    one = only(education, main, top_k=1)
    reading = sentence(
        "{}, the largest education task holds {} and the ten largest hold {} of {} {}; "
        "the figures rest on about {} effective tasks, of {} published.",
        main.where,
        share(one["share_pct"] if one else None),
        share(ten["share_pct"] if ten else None),
        counted(ten["base_conversation_count"] if ten else None),
        main.unit,
        data(
            ten["effective_task_count"] if ten else None,
            number(ten["effective_task_count"] if ten else None, 0),
        ),
        counted(ten["task_count"] if ten else None),
    )
    section.short = reading
    label = {
        k: "Largest task" if k == 1 else f"{k} largest tasks"
        for k in sorted({row["top_k"] for row in education})
    }
    titles = ask.shown_scopes(warehouse)
    # The count of a row is that of the largest task, which this figure is not about.
    effective = [
        row | {"conversation_count": None}
        for row in rows
        if row["share_base"] == "scope" and row["top_k"] == 1 and row["scope"] in titles
    ]
    columns = (
        *WHERE,
        Column("scope", "Scope", "code"),
        Column("share_base", "Base of the share", "code"),
        Column("top_k", "Largest tasks", "count"),
        Column("task_count", "Tasks", "count"),
        *COUNTED,
        Column("share_pct", "Share, %", "pct"),
        Column("effective_task_count", "Effective tasks", "number"),
    )
    note = Markup(
        "No bound and no interval: these are counts of the tasks that are published. "
        "Suppressed tasks are small, so the true concentration is a little lower."
    )
    section.figures.append(
        Figure(
            "largest-tasks",
            "What the largest tasks hold of education",
            reading,
            base_words(slices, education),
            "fct_task_concentration",
            ("share_pct", "effective_task_count"),
            tuple(slices),
            panels_of(
                slices,
                lambda each: of(education, each),
                label=label,
                label_key="top_k",
                x_title="Share of the conversations of education",
                has_bar=True,
            ),
            Table(
                "Share of the largest education tasks, on both bases",
                columns,
                with_words([r for s in slices for r in of(rows, s, scope="education")]),
            ),
            ("share",),
            notes=[note],
        )
    )
    fewest = min(
        (
            row
            for row in of(effective, main)
            if row["scope"] not in ("education", ask.BASELINE)
            and row["effective_task_count"] is not None
        ),
        key=lambda row: row["effective_task_count"],
        default=None,
    )
    top = highest(effective, "effective_task_count")
    section.figures.append(
        Figure(
            "effective-tasks",
            "Effective number of tasks by subsector",
            sentence(
                "{}, the fewest are in {}: about {} effective tasks, of {} published.",
                main.where,
                titles[fewest["scope"]],
                data(
                    fewest["effective_task_count"],
                    number(fewest["effective_task_count"]),
                ),
                counted(fewest["task_count"]),
            )
            if fewest
            else sentence("{}, no subsector is visible.", main.where),
            base_words(slices, effective),
            "fct_task_concentration",
            ("effective_task_count",),
            tuple(slices),
            [
                range_panel(
                    of(effective, each),
                    title=each.label,
                    label=titles,
                    label_key="scope",
                    value_key="effective_task_count",
                    x_title="Effective number of tasks",
                    is_simulated=each.is_simulated,
                    x_max=top,
                    unit="",
                    has_bar=True,
                )
                for each in slices
            ],
            Table(
                "Effective tasks and largest task by scope",
                columns,
                with_words(
                    [
                        row
                        for row in rows
                        if row["share_base"] == "scope"
                        and row["top_k"] == 1
                        and row["scope"] in titles
                    ]
                ),
            ),
            ("share",),
            notes=[note],
        )
    )
    tasks = ask.largest_tasks(warehouse)
    section.tables = [
        Table(
            f"The ten largest education tasks, {each.label}",
            (
                Column("volume_rank", "Rank", "count"),
                Column("task_statement", "Task, as O*NET words it"),
                Column("education_subsector", "Subsector", "code"),
                *COUNTED,
                Column("volume_share_pct", "Share of all conversations, %", "pct"),
            ),
            of(tasks, each),
        )
        for each in slices
    ]
    return section


# 6 ------------------------------------------------------------------------------------

SHOWN_COUNTRIES = 30


def where(warehouse: Warehouse) -> Section:
    """Countries with ranges, and what can be ranked."""
    section = Section(
        "where",
        "Where: what can be said of countries?",
        Markup(
            "Country figures describe people who already use Claude.ai, not adoption. "
            "A country's task list is thin, so its education share is a range. Two "
            "countries are ranked only where their ranges do not touch; a list from "
            "first to last is not in the data."
        ),
    )
    kinds = (
        (
            "coursework",
            "Coursework by country",
            ask.COURSEWORK_BY_COUNTRY,
            "fct_use_case_shares",
            "Coursework, share of the country's conversations",
            "",
            INTERVAL_WEEK,
            "use_case",
        ),
        (
            "education",
            "Education tasks by country",
            ask.EDUCATION_BY_COUNTRY,
            "fct_education_shares",
            "Education tasks, share of the country's conversations",
            BOUND_UNSEEN,
            "",
            "onet_task",
        ),
    )
    for key, title, sql, mart, x_title, bound, interval, facet in kinds:
        rows = ask.countries(warehouse, sql)
        slices = [each for each in warehouse.slices if of(rows, each)]
        status = ask.coverage(warehouse, facet, "country")
        for each in warehouse.slices:
            if each in slices or each.platform == "1p_api":
                continue
            text = (
                "Not in this copy: {} publishes <code>{}</code> by country, but the "
                "loaded file does not hold it."
                if status.get(each.key) == "not_in_copy"
                else "{} has no <code>{}</code> by country."
            )
            section.absent.append(sentence(text, each.label, facet))
        for n, each in enumerate(slices):
            figure = _countries_figure(
                of(rows, each), each, key, title, mart, x_title, bound, interval, n > 0
            )
            section.figures.append(figure)
    section.figures.sort(key=lambda figure: figure.is_more)
    if any(each.platform == "1p_api" for each in warehouse.slices):
        section.absent.append(Markup("The API has no geography."))
    section.short = (
        section.figures[0].reading
        if section.figures
        else Markup("Country figures are not in this copy.")
    )
    return section


def _countries_figure(
    rows: Sequence[Row],
    each: Slice,
    key: str,
    title: str,
    mart: str,
    x_title: str,
    bound: str,
    interval: str,
    is_more: bool,
) -> Figure:
    """Countries with their ranges; the table says which pairs are separated."""
    separated, pairs = ask.separated_pairs(list(rows))
    ranked = [row for row in rows if row["compared_count"] is not None]
    firm = max(ranked, key=lambda row: row["above_count"], default=None)
    kind = "95% intervals" if interval else "bounds"
    if firm is None or not firm["above_count"]:
        reading = sentence(
            "{}, the {} separate none of the {} pairs of countries: no ranking.",
            each.where,
            kind,
            counted(pairs),
        )
    else:
        reading = sentence(
            "{}, the {} separate {} of {} pairs of countries; {} ({}) lies wholly "
            "above {} of the {} others that can be ranked.",
            each.where,
            kind,
            counted(separated),
            counted(pairs),
            firm["geo_name"] or firm["geo_id"],
            share(firm["share_pct"]),
            counted(firm["above_count"]),
            counted(firm["compared_count"]),
        )
    largest = sorted(rows, key=lambda r: -(r["base_conversation_count"] or 0))
    shown = sorted(
        largest[:SHOWN_COUNTRIES],
        key=lambda r: -(r["share_pct"] if r["share_pct"] is not None else -1.0),
    )
    label = {
        row["geo_id"]: (row["geo_name"] or row["geo_id"])
        + (" *" if not row["is_ranked"] else "")
        for row in shown
    }
    notes = [
        sentence(
            "The chart shows the {} of {} countries with the most conversations, the "
            "table all. With a star: not ranked ({} countries: anomalous traffic, "
            "too small, or no share).",
            len(shown),
            len(rows),
            len(rows) - len(ranked),
        )
    ]
    if interval:
        notes.append(
            Markup(
                "So many pairs at 95% each will hold some that are apart by chance: "
                "read a single pair with care."
            )
        )
    notes += no_interval(rows)
    return Figure(
        f"countries-{key}-{each.slug}",
        f"{title}: {each.label}",
        reading,
        f"{each.label}: each country's own conversations, from "
        f"{min(row['base_conversation_count'] or 0 for row in rows):,.0f} to "
        f"{max(row['base_conversation_count'] or 0 for row in rows):,.0f} {each.unit}",
        mart,
        ("geo_id", *COUNTS, *RANGE_COLUMNS)
        + (
            ("is_anomalous", "is_below_threshold")
            if key == "education"
            else ("use_case",)
        ),
        (each,),
        [
            range_panel(
                shown,
                title=each.label,
                label=label,
                label_key="geo_id",
                x_title=x_title,
                is_simulated=each.is_simulated,
            )
        ],
        Table(
            f"{title}, {each.label}: which pairs are separated",
            (
                Column("geo_name", "Country"),
                Column("geo_id", "Code", "code"),
                *COUNTED,
                *(RANGES if bound else (RANGES[0], *RANGES[3:])),
                Column("above_count", "Wholly above, countries", "count"),
                Column("below_count", "Wholly below, countries", "count"),
                Column("compared_count", "Compared with", "count"),
                Column("above_geo_ids", "Wholly above these", "code"),
                Column("flags", "Flags"),
            ),
            with_words(rows),
        ),
        ("share", *(("bound",) if bound else ()), *(("interval",) if interval else ())),
        bound,
        interval,
        notes,
        is_more=is_more,
    )


# 7 ------------------------------------------------------------------------------------


def platforms(warehouse: Warehouse) -> Section:
    """Claude.ai against the API inside a release."""
    rows = [
        row
        for row in ask.pattern_shares(warehouse)
        if row["estimator"] == "all_conversations"
    ]
    meanings = ask.patterns(warehouse)
    names = {
        row["pattern"]: row["pattern_title"]
        for row in meanings
        if row["is_named_pattern"]
    }
    section = Section(
        "platforms",
        "Claude.ai against the API",
        Markup(
            "The two are different populations: people in a chat window, and programs "
            "that call the model. The API leaves more conversations unseen, so its "
            "bounds are wider. A comparison holds inside one release only."
        ),
    )
    by_release: dict[str, list[Slice]] = {}
    for each in warehouse.slices:
        by_release.setdefault(each.release_id, []).append(each)
    both = {key: value for key, value in by_release.items() if len(value) > 1}
    for release_id in sorted(set(by_release) - set(both)):
        section.absent.append(
            sentence(
                "Of {} only one platform is loaded ({}): nothing to compare.",
                release_id,
                PLATFORMS.get(by_release[release_id][0].platform, ""),
            )
        )
    scope_titles = ask.scopes(warehouse)
    for n, (release_id, pair) in enumerate(both.items()):
        for scope, words in (
            ("education", "Education tasks"),
            ("education_both_platforms", "Education tasks that both platforms publish"),
        ):
            own = [row for each in pair for row in of(rows, each, scope=scope)]
            if not own or scope not in scope_titles:
                continue
            section.figures.append(
                _platform_figure(own, release_id, pair, scope, words, names, n > 0)
            )
    section.figures.sort(key=lambda figure: figure.is_more)
    section.short = (
        section.figures[0].reading
        if section.figures
        else Markup("No release is loaded with both platforms.")
    )
    if both and not section.figures:
        section.absent.append(Markup("No pattern of both platforms is in this copy."))
    return section


def _platform_figure(
    rows: Sequence[Row],
    release_id: str,
    pair: Sequence[Slice],
    scope: str,
    words: str,
    names: dict[str, str],
    is_more: bool,
) -> Figure:
    """The patterns of both platforms in one release."""
    series = {
        each.platform: PLATFORMS.get(each.platform, each.platform) for each in pair
    }
    apart, touching = [], []
    for key, name in names.items():
        two = [row for each in pair for row in of(rows, each, pattern=key)]
        if len(two) < 2 or any(row["bound_high_pct"] is None for row in two):
            continue
        one, other = two[:2]
        is_apart = (
            one["bound_high_pct"] < other["bound_low_pct"]
            or other["bound_high_pct"] < one["bound_low_pct"]
        )
        (apart if is_apart else touching).append(name.lower())
    directive = {row["platform"]: row for row in rows if row["pattern"] == "directive"}
    if len(directive) > 1 and all(
        r["share_pct"] is not None for r in directive.values()
    ):
        first = sentence(
            "In {}, {} is directive",
            release_id,
            _listed(
                sentence(
                    "{} of {} {}",
                    share(directive[each.platform]["share_pct"]),
                    counted(directive[each.platform]["base_conversation_count"]),
                    "records of the API"
                    if each.platform == "1p_api"
                    else "conversations on Claude.ai",
                )
                for each in pair
                if each.platform in directive
            ),
        )
    else:
        first = sentence("In {}, the directive share is not known on both", release_id)
    reading = sentence(
        "{}. The bounds of the two are apart for {}{}.",
        first,
        _words(apart) if apart else "no pattern",
        f", and touch for {_words(touching)}" if touching else "",
    )
    return Figure(
        f"platforms-{scope}-{release_id}".replace("_", "-"),
        f"{words}: patterns on both platforms, {release_id}",
        reading,
        base_words(pair, rows),
        "fct_interaction_patterns",
        ("pattern", "platform", *COUNTS, *RANGE_COLUMNS),
        tuple(pair),
        [
            range_panel(
                rows,
                title=release_id,
                label=names,
                label_key="pattern",
                series=series,
                series_key="platform",
                x_title="Share of all conversations of these tasks",
                is_simulated=any(each.is_simulated for each in pair),
            )
        ],
        Table(
            f"Patterns of both platforms, {release_id}, scope {scope}",
            (
                *WHERE,
                Column("scope", "Scope", "code"),
                Column("pattern", "Pattern"),
                Column("task_count", "Tasks", "count"),
                *COUNTED,
                *RANGES,
            ),
            with_words(rows),
        ),
        ("share", "bound", "interval"),
        BOUND_SUPPRESSED,
        INTERVAL_TASKS,
        no_interval([row for row in rows if row["pattern"] in names]),
        is_more=is_more,
    )


def _words(names: Sequence[str]) -> str:
    """Names as in a sentence."""
    return str(_listed(Markup(name) for name in names))


# 8 ------------------------------------------------------------------------------------


def between_releases(warehouse: Warehouse) -> Section:
    """What changed between releases, with the breaks shown."""
    section = Section(
        "between-releases",
        "What changed between releases?",
        Markup(
            "Releases differ in more than time: in the model that classifies, in "
            "season and term dates, in plans, task list and count base. Each such "
            "change is a break. Points on two sides of a break are two measurements, "
            "not a series, and no line joins them."
        ),
        breaks=_breaks(warehouse),
    )
    rows = ask.education_shares(warehouse)
    by_platform: dict[str, list[Slice]] = {}
    for each in reversed(warehouse.slices):
        if of(rows, each):
            by_platform.setdefault(each.platform, []).append(each)
    several = {p: s for p, s in by_platform.items() if len(s) > 1}
    for platform, slices in sorted(several.items(), reverse=True):
        section.figures.append(_releases_figure(rows, platform, slices, section.breaks))
    if not several:
        section.absent.append(
            Markup(
                "Only one release is loaded: there is no step to show. The table says "
                "what would break between the releases that the manifest knows."
            )
        )
    section.short = (
        section.figures[0].reading
        if section.figures
        else Markup("Only one release is loaded: there is no step to show.")
    )
    return section


def _breaks(warehouse: Warehouse) -> list[Row]:
    """What differs from each release to the next, by platform, as the releases say.

    The classifier is not a column of the files: that it changes with each release is an
    assumption of the register, and its consequence stands with it.
    """
    rows = ask.releases(warehouse)
    classifier = next(
        (
            row["statement"]
            for row in ask.register(warehouse)
            if row["assumption_id"] == "classifier_change"
        ),
        "Not known",
    )
    aspects = (
        ("Plans or product", "product_label"),
        ("Task list", "taxonomy_version"),
        ("Count base", "count_basis"),
    )
    breaks = []
    for platform in PLATFORMS:
        series = [
            row
            for row in rows
            if row["platform"] == platform
            and (row["is_loaded"] or not row["is_simulated"])
        ]
        for old, new in zip(series, series[1:], strict=False):
            changes = [
                {
                    "aspect": "Classifier",
                    "old": "",
                    "new": classifier,
                    "is_break": True,
                    "spans": True,
                },
                {
                    "aspect": "Week and season",
                    "old": _window(old),
                    "new": _window(new),
                    "is_break": True,
                    "spans": False,
                },
            ]
            changes += [
                {
                    "aspect": aspect,
                    "old": old[key],
                    "new": new[key],
                    "is_break": old[key] != new[key],
                    "spans": False,
                }
                for aspect, key in aspects
            ]
            breaks.append(
                {
                    "platform": platform,
                    "platform_title": PLATFORMS[platform],
                    "old": old["release_id"],
                    "new": new["release_id"],
                    "is_loaded": old["is_loaded"] and new["is_loaded"],
                    "loaded": {r["release_id"]: r["is_loaded"] for r in (old, new)},
                    "changes": changes,
                }
            )
    return breaks


def _window(row: Row) -> str:
    """The week of a release."""
    start, end = row["window_start_date"], row["window_end_date"]
    if start is None or end is None:
        return "not known"
    return f"{start.day} {start:%B %Y} to {end.day} {end:%B %Y}"


def _releases_figure(
    rows: Sequence[Row], platform: str, slices: Sequence[Slice], breaks: Sequence[Row]
) -> Figure:
    """The education share of each release, oldest first, with the breaks between."""
    label = {each.release_id: each.release_id for each in slices}
    words = []
    for old, new in zip(slices, slices[1:], strict=False):
        between = [
            name
            for name, is_break in (
                ("classifier", True),
                ("season", True),
                ("plans", old.product_label != new.product_label),
                ("task list", old.taxonomy_version != new.taxonomy_version),
                ("count base", old.count_basis != new.count_basis),
            )
            if is_break
        ]
        words.append("Break: " + ", ".join(between))
    own = [row for each in slices for row in of(rows, each, allocation_rule=RULE)]
    wide = [row for row in own if row["share_base"] == "all_conversations"]
    reading = sentence(
        "On {}, education tasks hold {}. {} between: the step is no trend.",
        PLATFORMS.get(platform, platform),
        _listed(
            sentence(
                "{} (at most {}) of {} {} in {}",
                share(row["share_pct"]),
                share(row["bound_high_pct"]),
                counted(row["base_conversation_count"]),
                each.unit,
                each.release_id,
            )
            for each in slices
            for row in of(wide, each)
        ),
        "A break lies" if len(words) == 1 else "Breaks lie",
    )
    return Figure(
        f"releases-{platform}".replace("_", "-"),
        f"Education share by release, {PLATFORMS.get(platform, platform)}",
        reading,
        base_words(slices, own),
        "fct_education_shares",
        ("release_id", *COUNTS, *RANGE_COLUMNS),
        tuple(slices),
        [
            range_panel(
                own,
                title=PLATFORMS.get(platform, platform),
                label=label,
                label_key="release_id",
                series=BASES,
                series_key="share_base",
                x_title="Share of the base that is education, rule any_holder",
                is_simulated=any(each.is_simulated for each in slices),
                breaks=words,
            )
        ],
        Table(
            f"Education share by release, {PLATFORMS.get(platform, platform)}",
            (
                *WHERE,
                Column("share_base", "Base of the share", "code"),
                Column("task_count", "Tasks", "count"),
                *COUNTED,
                *RANGES,
            ),
            with_words(own),
        ),
        bound=BOUND_UNSEEN,
        notes=no_interval(own),
    )


# 9 and 10 -----------------------------------------------------------------------------


def which_hold(warehouse: Warehouse) -> Section:
    """The reconciliation."""
    rows = ask.reconciliation(warehouse)
    counts = {
        status: sum(row["status"] == status for row in rows) for status in STATUSES
    }
    judged = len(rows) - counts["not_computable"] - counts["partial_input"]
    if judged:
        short = sentence(
            "Of {} printed figures {} can be judged with this copy: {} hold as "
            "defined, {} under another definition than the stated one, {} {} "
            "contradicted.",
            len(rows),
            judged,
            counts["match"],
            counts["match_other_definition"],
            counts["contradicted"],
            "is" if counts["contradicted"] == 1 else "are",
        )
    else:
        short = sentence(
            "None of {} printed figures can be judged: the releases that they are "
            "about are not loaded.",
            len(rows),
        )
    return Section(
        "which-hold",
        "Which of the published figures hold?",
        Markup(
            "Every figure that AlignED Report 3 and Anthropic's January 2026 report "
            "print about this data, beside what the marts give. A figure that holds is "
            "recomputed; whether it is true of education is another question."
        ),
        short=short,
        tables=[Table("Printed figures and what the marts give", (), rows)],
    )


def what_not(warehouse: Warehouse) -> Section:
    """What the data cannot say: the register."""
    rows = ask.register(warehouse)
    unchecked = sum(row["status"] == "not_checkable" for row in rows)
    partly = sum(row["status"] == "partly_checked" for row in rows)
    return Section(
        "what-not",
        "What can the data not say?",
        Markup(
            "Every figure here assumes something. What nobody can check with this data "
            "stands first, what can be checked in part comes next."
        ),
        short=sentence(
            "{} of {} registered assumptions can't be checked with this data at all, "
            "{} only in part.",
            unchecked,
            len(rows),
            partly,
        ),
        tables=[Table("Assumptions and caveats", (), rows)],
    )
