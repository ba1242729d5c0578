"""The marts against the oracle, and against the printed figures.

The oracle is compared with the marts on the shipped release too. Tests on the real
files are skipped where these are absent.
"""

from __future__ import annotations

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


# The real release ---------------------------------------------------------------------


def test_na_is_namibia(real_warehouse: Build) -> None:
    assert real_warehouse.query(
        "select geo_name, country_alpha_3_code, working_age_population_count > 1e6, "
        "is_unclassified from marts.dim_geographies "
        "where geo_level = 'country' and geo_id = 'NA'"
    ) == [("Namibia", "NAM", True, False)]


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
