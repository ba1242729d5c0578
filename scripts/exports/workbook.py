"""The small marts as one Excel workbook, with a sheet that explains the columns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from exports.marts import ExportError, Mart

# Limits of Excel: characters in a cell, characters in the name of a sheet.
CELL_LIMIT = 32_767
SHEET_NAME_LIMIT = 31
SIMULATED = "SIMULATED DATA: these rows describe nobody."
SHEETS_BEFORE = ("read me", "columns", "caveats")


def write_workbook(
    con: duckdb.DuckDBPyConnection,
    marts: Sequence[Mart],
    left_out: Sequence[Mart],
    path: Path,
) -> None:
    """Write the marts as sheets. The same warehouse gives the same bytes.

    Raises ExportError where a text or a name does not fit into Excel.
    """
    made_at, is_simulated = con.execute(
        """
        select
            (select max(run_at) from marts.fct_expectation_results),
            (select bool_or(is_simulated) from marts.dim_releases where is_loaded)
        """
    ).fetchall()[0]
    with xlsxwriter.Workbook(
        str(path),
        {
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "nan_inf_to_errors": True,
        },
    ) as book:
        book.set_properties(
            {
                "title": "AI in education: marts on the Anthropic Economic Index",
                "created": made_at or datetime(2026, 1, 1),
            }
        )
        header = book.add_format(
            {
                "bold": True,
                "bg_color": "#1F3A5F",
                "font_color": "#FFFFFF",
                "text_wrap": True,
                "valign": "top",
            }
        )
        wrapped = book.add_format({"text_wrap": True, "valign": "top"})
        warning = book.add_format(
            {"bold": True, "bg_color": "#FDF3DC", "text_wrap": True}
        )
        title = book.add_format({"bold": True, "font_size": 14})
        two_decimals = book.add_format({"num_format": "#,##0.00"})
        whole = book.add_format({"num_format": "#,##0"})
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        formats = {"DOUBLE": two_decimals, "BIGINT": whole, "INTEGER": whole}
        formats |= {"DATE": day, "TIMESTAMP": moment}

        sheet = book.add_worksheet(SHEETS_BEFORE[0])
        sheet.set_column(0, 0, 110, wrapped)
        lines = readme(con, marts, left_out)
        sheet.write_string(0, 0, lines[0], title)
        first = 1
        if is_simulated:
            sheet.write_string(1, 0, SIMULATED, warning)
            first = 2
        for number, line in enumerate(lines[1:], start=first):
            sheet.write_string(number, 0, line, wrapped)

        sheet = book.add_worksheet(SHEETS_BEFORE[1])
        table(
            sheet,
            ["mart", "column", "type", "is in the key", "description", "caveats"],
            [
                (
                    mart.name,
                    column.name,
                    column.data_type.lower(),
                    column.name in mart.grain,
                    column.description,
                    ", ".join(column.caveats),
                )
                for mart in (*marts, *left_out)
                for column in mart.columns
            ],
            header,
            {4: wrapped, 5: wrapped},
            [26, 30, 10, 8, 100, 40],
        )
        sheet = book.add_worksheet(SHEETS_BEFORE[2])
        table(
            sheet,
            ["caveat", "status", "statement", "what follows for a figure"],
            con.execute(
                "select assumption_id, status, statement, consequence "
                "from marts.dim_sampling_assumptions order by all"
            ).fetchall(),
            header,
            {2: wrapped, 3: wrapped},
            [26, 16, 80, 80],
        )
        for mart in marts:
            if len(mart.name) > SHEET_NAME_LIMIT:
                raise ExportError(
                    f"The mart {mart.name} has a name of {len(mart.name)} characters; "
                    f"Excel allows a sheet {SHEET_NAME_LIMIT}."
                )
            table(
                book.add_worksheet(mart.name),
                [column.name for column in mart.columns],
                con.execute(mart.ordered).fetchall(),
                header,
                {
                    number: formats[column.data_type]
                    for number, column in enumerate(mart.columns)
                    if column.data_type in formats
                },
                [max(12, min(40, len(column.name) + 2)) for column in mart.columns],
            )


def readme(
    con: duckdb.DuckDBPyConnection, marts: Sequence[Mart], left_out: Sequence[Mart]
) -> list[str]:
    """The lines of the first sheet."""
    loaded = con.execute(
        "select release_id, platform, citation, licence, file_status, observed_sha256 "
        "from marts.dim_release_files where is_loaded order by all"
    ).fetchall()
    return [
        "AI in education: marts on the Anthropic Economic Index",
        "One sheet is one mart. The sheet columns says what each column means, caveats "
        "what a reader must know.",
        "A share never travels without its numerator and its base. Never sum or "
        "average shares: add counts and divide anew.",
        "An empty cell is NULL: not published, suppressed or not in this copy; the "
        "status column of the sheet says which. It is never zero.",
        "NA in geo_id or country_code is Namibia.",
        "Loaded files:",
        *(
            f"  {release_id} {platform or 'reference'}: {citation} Licence: {licence}. "
            f"Copy: {status}, sha256 {sha256}."
            for release_id, platform, citation, licence, status, sha256 in loaded
        ),
        "Sheets: " + ", ".join(f"{m.name} ({m.row_count:,} rows)" for m in marts),
        "Too large for a sheet, as Parquet beside this file: "
        + (", ".join(f"{m.name} ({m.row_count:,} rows)" for m in left_out) or "none"),
    ]


def table(
    sheet: Worksheet,
    names: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    header: Any,
    formats: dict[int, Any],
    widths: Sequence[int],
) -> None:
    """Write a table with a frozen header and a filter; raises ExportError."""
    for number, (name, width) in enumerate(zip(names, widths, strict=True)):
        sheet.set_column(number, number, width, formats.get(number))
        sheet.write_string(0, number, name, header)
    for row_number, row in enumerate(rows, start=1):
        for number, value in enumerate(row):
            if isinstance(value, str):
                if len(value) > CELL_LIMIT:
                    raise ExportError(
                        f"A text of {len(value):,} characters in {sheet.name}, column "
                        f"{names[number]}, row {row_number + 1}; Excel holds "
                        f"{CELL_LIMIT:,}."
                    )
                sheet.write_string(row_number, number, value, formats.get(number))
            elif isinstance(value, bool):
                sheet.write_boolean(row_number, number, value)
            elif isinstance(value, datetime) or hasattr(value, "isoformat"):
                sheet.write_datetime(row_number, number, value, formats.get(number))
            elif value is not None:
                sheet.write_number(row_number, number, value, formats.get(number))
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, max(len(rows), 1), len(names) - 1)
