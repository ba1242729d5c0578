"""The marts against the oracle, and against the printed figures.

The oracle is compared with the marts on the shipped release too. Tests on the real
files are skipped where these are absent.
"""

from __future__ import annotations

import hashlib
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import oracle
import pytest
from conftest import PROJECT, SHIPPED_DATA, Build, manifest_rows, read_rows
from oracle_marts import MARTS, differences, own_figures


@pytest.fixture(scope="module", params=["shipped", "real"])
def both_readings(request: pytest.FixtureRequest) -> tuple[Build, list[oracle.Sample]]:
    """A warehouse, and the releases behind it as the oracle reads them."""
    is_shipped = request.param == "shipped"
    build = request.getfixturevalue(f"{request.param}_warehouse")
    data = SHIPPED_DATA if is_shipped else request.getfixturevalue("real_data_dir")
    rows = [r for r in manifest_rows() if (r["is_simulated"] == "true") == is_shipped]
    samples = oracle.read_samples(data, rows)
    assert len(samples) >= 2
    return build, samples


@pytest.mark.parametrize("mart", MARTS)
def test_mart_agrees_with_the_oracle(
    mart: str, both_readings: tuple[Build, list[oracle.Sample]]
) -> None:
    build, samples = both_readings
    found = differences(mart, own_figures(mart, samples, build.file), build.file)
    assert found == [], f"{len(found)} figures differ"


# Figures of the real release that the guides state ------------------------------------

CHAT = "release_id = '2026_01_15' and platform = 'claude_ai'"
API = "release_id = '2026_01_15' and platform = '1p_api'"
AUGUST = "release_id = '2025_09_15' and platform = 'claude_ai'"
EDUCATION = "scope = 'education' and allocation_rule = 'any_holder'"
SHARES = (
    "from marts.fct_education_shares where geo_level = 'global' "
    "and share_base = 'all_conversations'"
)
STATED: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
    "samples": (
        "select release_id, platform, sample_count from marts.dim_releases "
        "where release_id in ('2025_09_15', '2026_01_15') order by all",
        [
            ("2025_09_15", "1p_api", 944_638),
            ("2025_09_15", "claude_ai", 964_494),
            ("2026_01_15", "1p_api", 971_525),
            ("2026_01_15", "claude_ai", 999_875),
        ],
    ),
    "education by rule": (
        "select allocation_rule, task_count, round(conversation_count, 1), "
        f"round(share_pct, 3) {SHARES} and {CHAT} and scope = 'education' order by all",
        [
            ("any_holder", 266, 152_088, 15.211),
            ("equal_split", 266, 151_843.5, 15.186),
            ("exclusive", 260, 151_533, 15.155),
            ("lowest_code", 263, 151_984, 15.2),
        ],
    ),
    "tasks of the subsectors": (
        f"select scope, task_count {SHARES} and {CHAT} "
        "and allocation_rule = 'any_holder' and scope <> 'education' order by all",
        [
            ("education_support", 53),
            ("k12", 54),
            ("library", 36),
            ("other_teachers", 26),
            ("postsecondary", 97),
        ],
    ),
    "range of the education share": (
        "select round(bound_low_pct, 1), round(bound_high_pct, 1) "
        f"{SHARES} and ({CHAT} or {API}) and {EDUCATION} order by all",
        [(3.6, 11.7), (15.2, 18.0)],
    ),
    "education in August 2025": (
        f"select round(share_pct, 2) {SHARES} and {AUGUST} and {EDUCATION}",
        [(12.37,)],
    ),
    "tasks of several codes": (
        "select count(*) filter (where education_code_count > 1), "
        "count(*) filter (where holder_code_count > 1), count(*) "
        f"from marts.fct_education_tasks where {CHAT}",
        [(64, 68, 266)],
    ),
    "pseudo-tasks are no tasks": (
        "select distinct scope, task_count from marts.fct_task_concentration "
        f"where {CHAT} and scope in ('all_with_pseudo', 'all_named') order by all",
        [("all_named", 3_168), ("all_with_pseudo", 3_170)],
    ),
    "patterns of education": (
        "select pattern, round(share_pct, 2), task_with_pattern_count "
        f"from marts.fct_interaction_patterns where {CHAT} and {EDUCATION} "
        "and estimator = 'task_renormalised' order by share_pct",
        [
            ("feedback loop", 1.59, 208),  # 58 tasks show no pattern at all
            ("validation", 7.12, 208),
            ("learning", 23.7, 208),
            ("task iteration", 33.03, 208),
            ("directive", 34.56, 208),
        ],
    ),
    "bounds of the feedback loop": (
        "select round(bound_low_pct, 2), round(bound_high_pct, 2) "
        f"from marts.fct_interaction_patterns where {CHAT} and {EDUCATION} "
        "and estimator = 'all_conversations' and pattern = 'feedback loop'",
        [(1.55, 3.32)],
    ),
    "bounds of all nodes hold the printed directive share": (
        "select distinct platform, case platform when '1p_api' then 63.58 "
        "else 31.73 end between bound_low_pct and bound_high_pct "
        "and bound_high_pct - bound_low_pct < 25 from marts.fct_interaction_patterns "
        f"where ({CHAT} or {API}) and scope = 'all_with_pseudo' "
        "and estimator = 'all_conversations' and pattern = 'directive' order by all",
        [("1p_api", True), ("claude_ai", True)],
    ),
    "effective tasks of education": (
        "select distinct round(effective_task_count) from marts.fct_task_concentration "
        f"where {CHAT} and {EDUCATION}",
        [(17,)],
    ),
    "NA is Namibia": (
        "select geo_name, country_alpha_3_code, working_age_population_count > 1e6, "
        "is_unclassified, conversation_count > 0 from marts.dim_geographies "
        "inner join marts.fct_facet_shares using (geo_level, geo_id) "
        f"where {CHAT} and facet = 'country' and geo_id = 'NA'",
        [("Namibia", "NAM", True, False, True)],
    ),
    "countries, the anomaly and the rest": (
        "select count(*) filter (geo_id <> 'unpublished'), "
        "max(conversation_count) filter (where shares.is_anomalous), "
        "max(geo_id) filter (where shares.is_anomalous), "
        "round(max(share_pct) filter (where is_unclassified), 2) "
        "from marts.fct_facet_shares as shares "
        "inner join marts.dim_geographies using (geo_level, geo_id) "
        f"where {CHAT} and facet = 'country'",
        [(174, 24_715, "SC", 15.66)],
    ),
}


@pytest.mark.parametrize("name", STATED)
def test_figures_that_the_guides_state(name: str, real_warehouse: Build) -> None:
    query, expected = STATED[name]
    assert real_warehouse.query(query) == expected


def test_files_are_absent_or_what_their_bytes_say(
    real_warehouse: Build, real_data_dir: Path
) -> None:
    expected = {}
    for row in manifest_rows():
        if row["file_role"] != "raw" or row["copy_status"] != "current":
            continue
        path = real_data_dir / row["relative_path"]
        status = "absent"
        if path.is_file():
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() == row["sha256"]:
                status = "verified"
            elif not row["sha256"] and len(content) == int(row["byte_count"]):
                status = "size_only"
            else:
                status = "unverified_copy"
        expected[(row["release_id"], row["platform"])] = status
    rows = real_warehouse.records("from marts.dim_releases")
    assert {
        (row["release_id"], row["platform"]): row["file_status"] for row in rows
    } == expected
    assert {row["is_simulated"] for row in rows if row["is_loaded"]} == {False}
    assert "SIMULATED" not in real_warehouse.stdout


# The reconciliation -------------------------------------------------------------------

NUMBERS = {
    row["number_id"]: row
    for row in read_rows(PROJECT / "seeds" / "reference" / "published_numbers.csv")
}


def report(*ranges: tuple[int, int]) -> set[str]:
    """Numbers of the education report, from first to last of each range."""
    return {f"A3-{n:03d}" for first, last in ranges for n in range(first, last + 1)}


def january(*numbers: int) -> set[str]:
    """Numbers of the January 2026 report."""
    return {f"AEI4-{number:03d}" for number in numbers}


# Every figure that the two task facets and the country usage can give.
MATCH = {
    "sample size": report((1, 1)),
    "task counts": report((3, 4), (6, 11)),
    "education share and conversations": report((2, 2), (5, 5)),
    "concentration": report((12, 12)) | january(4, 5),
    "task volumes": report((14, 23)) | january(6, 7),
    "education patterns": report((34, 38)),
    "patterns of all tasks": report((39, 43)),
    "pattern differences": report((44, 48)),
    "one pattern of the API": report((53, 53)),
    "patterns of the subsectors": report((54, 78)),
    "sums and ratios of patterns": report((123, 124)),
    "occupation group shares": january(1, 2, 3),
    "country usage": january(23),
}
# The report leaves tasks without a Claude.ai count out of its API figures.
MATCH_OTHER_DEFINITION = {"patterns of the API": report((49, 52))}
# Printed as about 58, where 58.57 would round to 59.
CONTRADICTED = {"concentration": report((13, 13))}
# In the sliced copy of the real files task success covers part of the tasks.
MATCH_IN_SLICE = {"success of tasks": report((24, 33), (88, 88), (93, 93))}
PARTIAL_IN_SLICE = {
    "success rates": report((85, 87), (89, 91)),
    "tasks with success": report((92, 92), (94, 97)),
}
NOT_COMPUTABLE_IN_SLICE = {
    "use cases": report((79, 84), (122, 122)) | january(*range(8, 14)),
    "success of all conversations": january(14, 15),
    "education by country": report((100, 121)),
    "patterns of all conversations": january(16, 17, 18, 19, 20),
}
EXCLUDED = {"autonomy": report((98, 99)) | january(21, 22)}
EVERYWHERE = {
    "match": MATCH,
    "match_other_definition": MATCH_OTHER_DEFINITION,
    "contradicted": CONTRADICTED,
    "not_computable": EXCLUDED,
}
IN_SLICE = {
    "match": MATCH_IN_SLICE,
    "partial_input": PARTIAL_IN_SLICE,
    "not_computable": NOT_COMPUTABLE_IN_SLICE,
}


def by_number(*tables: dict[str, dict[str, set[str]]]) -> dict[str, str]:
    """The expected status of each number; no number is listed twice."""
    listed = [
        (number, status)
        for table in tables
        for status, kinds in table.items()
        for numbers in kinds.values()
        for number in numbers
    ]
    assert len(dict(listed)) == len(listed)
    return dict(listed)


@pytest.fixture(scope="module")
def reconciliation(real_warehouse: Build) -> dict[str, dict[str, Any]]:
    """The reconciliation by number."""
    rows = real_warehouse.records("from marts.fct_published_reconciliation")
    return {row["number_id"]: row for row in rows}


def is_slice(data_dir: Path) -> bool:
    """Whether the copy is a slice: complete files give more than it does."""
    (row,) = (
        row
        for row in manifest_rows()
        if (row["release_id"], row["platform"]) == ("2026_01_15", "claude_ai")
    )
    return (data_dir / row["relative_path"]).stat().st_size < int(row["byte_count"])


def test_status_of_every_printed_figure(
    reconciliation: dict[str, dict[str, Any]], real_data_dir: Path
) -> None:
    in_slice = by_number(IN_SLICE)
    expected = by_number(EVERYWHERE) | in_slice
    assert len(expected) == 147
    assert set(expected) == set(NUMBERS) == set(reconciliation)
    checked = (
        set(expected) if is_slice(real_data_dir) else set(expected) - set(in_slice)
    )
    found = {number: reconciliation[number]["status"] for number in checked}
    assert found == {number: expected[number] for number in checked}
    contradicted = [
        n for n, r in reconciliation.items() if r["status"] == "contradicted"
    ]
    assert contradicted == ["A3-013"]
    assert "58.57" in reconciliation["A3-013"]["explanation"]


def test_a_match_is_the_printed_figure_rounded_half_up(
    reconciliation: dict[str, dict[str, Any]],
) -> None:
    matches = [row for row in reconciliation.values() if row["status"] == "match"]
    assert len(matches) > 70
    for row in matches:
        printed = NUMBERS[row["number_id"]]
        step = Decimal(1).scaleb(-int(printed["decimals"]))
        # The computed value carries noise of the order of 1e-12.
        computed = round(Decimal(row["computed_value"]), 9)
        assert row["published_value"] == float(printed["published_value"])
        assert computed.quantize(step, ROUND_HALF_UP) == Decimal(
            printed["published_value"]
        ).quantize(step, ROUND_HALF_UP), row


def test_every_figure_has_its_difference_and_one_sentence(
    reconciliation: dict[str, dict[str, Any]],
) -> None:
    for row in reconciliation.values():
        assert row["explanation"].endswith((".", ")"))
        if row["computed_value"] is None:
            assert row["difference_in_last_digits"] is None
            continue
        difference = row["computed_value"] - row["published_value"]
        assert row["difference_in_last_digits"] == pytest.approx(
            difference * 10.0 ** row["decimals"], abs=1e-4
        )
