"""The small marts as one Excel workbook, with a sheet that explains the columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import xlsxwriter
from warehouse.reading import records

from exports.marts import ExportError, Mart
from exports.package import ASSUMPTIONS, LOADED_FILES, build_of, labels

# Characters in the name of a sheet, as Excel allows them.
SHEET_NAME_LIMIT = 31
README = """One sheet is one mart. The sheet columns says what each column means, \
caveats what a reader must know.
An empty cell is NULL: not published, suppressed or not in this copy; the status \
column of the sheet says which. It is never zero.
NA in geo_id or country_code is Namibia."""
WRAPPED = {"text_wrap": True, "valign": "top"}
HEADER = WRAPPED | {"bold": True, "bg_color": "#1F3A5F", "font_color": "#FFFFFF"}
WARNING = WRAPPED | {"bold": True, "bg_color": "#FDF3DC"}
FORMATS = {
    "DOUBLE": {"num_format": "#,##0.00"},
    "BIGINT": {"num_format": "#,##0"},
    "INTEGER": {"num_format": "#,##0"},
    "DATE": {"num_format": "yyyy-mm-dd"},
    "TIMESTAMP": {"num_format": "yyyy-mm-dd hh:mm:ss"},
}


class Book(xlsxwriter.Workbook):
    """A workbook whose texts stay texts, and which holds one row in memory."""

    def __init__(self, path: Path) -> None:
        options = {"constant_memory": True, "nan_inf_to_errors": True}
        super().__init__(str(path), options)

    def table(
        self,
        title: str,
        columns: dict[str, tuple[int, dict[str, Any]]],
        rows: Iterable[Sequence[Any]],
    ) -> None:
        """Add a sheet with a frozen header and a filter; of a column its width, in
        characters, and its format. Raises ExportError where Excel holds less."""
        if len(title) > SHEET_NAME_LIMIT:
            raise ExportError(
                f"The name {title} has {len(title)} characters; Excel allows a sheet "
                f"{SHEET_NAME_LIMIT}."
            )
        sheet = self.add_worksheet(title)
        header = self.add_format(HEADER)
        for place, (name, (width, style)) in enumerate(columns.items()):
            sheet.set_column(place, place, width, self.add_format(style))
            sheet.write_string(0, place, name, header)
        # A text is never a formula or a link.
        sheet.add_write_handler(str, type(sheet).write_string)
        number = 0
        for number, row in enumerate(rows, start=1):
            for place, value in enumerate(row):
                if sheet.write(number, place, value):
                    raise ExportError(
                        f"A text of {len(value):,} characters in {title}, column "
                        f"{list(columns)[place]}, row {number + 1}; Excel holds fewer."
                    )
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, max(number, 1), len(columns) - 1)


def write_workbook(
    con: duckdb.DuckDBPyConnection,
    marts: Sequence[Mart],
    left_out: Sequence[Mart],
    path: Path,
) -> None:
    """Write the marts as sheets. The same warehouse gives the same bytes.

    Raises ExportError where a text or a name does not fit into Excel.
    """
    made, said = build_of(con), labels(con)
    title = said["title"]
    lines = [said["advice"], *README.splitlines()]
    lines += [
        f"Releases: {said['releases']}. Version {said['version']}, built "
        f"{said['built_at']} (build {said['build']}, code {said['code']}).",
        "Loaded files:",
    ]
    lines += [
        f"  {file['release_id']} {file['platform'] or 'reference'}: {file['title']} "
        f"Licence: {file['licence']}. Copy: {file['file_status']}, sha256 "
        f"{file['sha256']}."
        for file in records(con, LOADED_FILES)
    ]
    lines += ["Sheets: " + listed(marts)]
    lines += ["Too large for a sheet, as Parquet beside this file: " + listed(left_out)]
    with Book(path) as book:
        book.set_properties(
            {"title": title, "created": made["built_at"], "comments": said["data"]}
        )
        sheet = book.add_worksheet("read me")
        sheet.set_column(0, 0, 110, book.add_format(WRAPPED))
        first = [(title, {"bold": True, "font_size": 14})]
        first += [(said["data"], WARNING)] if made["is_simulated"] else []
        for number, (text, style) in enumerate(
            [*first, *((line, WRAPPED) for line in lines)]
        ):
            sheet.write_string(number, 0, text, book.add_format(style))
        book.table(
            "columns",
            {
                "mart": (26, {}),
                "column": (30, {}),
                "type": (10, {}),
                "is in the key": (8, {}),
                "description": (100, WRAPPED),
                "caveats": (40, WRAPPED),
            },
            (
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
            ),
        )
        book.table(
            "caveats",
            {
                "caveat": (26, {}),
                "statement": (80, WRAPPED),
                "what follows for a figure": (80, WRAPPED),
                "status": (16, {}),
            },
            con.execute(ASSUMPTIONS).fetchall(),
        )
        for mart in marts:
            columns = {
                column.name: (
                    max(12, min(40, len(column.name) + 2)),
                    FORMATS.get(column.data_type, {}),
                )
                for column in mart.columns
            }
            book.table(mart.name, columns, con.execute(mart.ordered).fetchall())


def listed(marts: Sequence[Mart]) -> str:
    """Names and sizes of marts."""
    return ", ".join(f"{m.name} ({m.row_count:,} rows)" for m in marts) or "none"
