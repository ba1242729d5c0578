"""The small marts as one Excel workbook, with a sheet that explains the columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import xlsxwriter
from warehouse.reading import records
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

from exports.marts import ExportError, Mart
from exports.package import ASSUMPTIONS, LOADED_FILES, build_of, labels

# Characters in the name of a sheet, as Excel allows them.
SHEET_NAME_LIMIT = 31
# Characters in a cell.
TEXT_LIMIT = 32_767
NO_NUMBERS = ("nan", "inf", "-inf")
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


class Sheet(Worksheet):
    """A sheet that takes whole rows: a call of XlsxWriter's for each of a million cells
    takes five times as long. A text is never a formula or a link."""

    def write_rows(
        self,
        rows: Iterable[Sequence[Any]],
        columns: dict[str, xlsxwriter.format.Format],
    ) -> int:
        """Write rows below those that were written so; returns how many there are now.

        Raises ExportError where Excel holds less.
        """
        known: dict[str, str] = {}
        cells = [
            (name, f'<c r="{xl_col_to_name(at)}', f'" s="{style._get_xf_index()}"')
            for at, (name, style) in enumerate(columns.items())
        ]
        before = count = 0 if self.dim_rowmax is None else self.dim_rowmax + 1
        for count, row in enumerate(rows, start=before + 1):
            line = [f'<row r="{count}">']
            for (name, place, style), value in zip(cells, row, strict=True):
                if value is None or value == "":
                    continue
                if isinstance(value, str):
                    content = known.get(value)
                    if content is None:
                        where = f"{self.name}, column {name}, row {count}"
                        content = known[value] = self._text(value, where)
                else:
                    content = self._value(value)
                line.append(f"{place}{count}{style}{content}</c>")
            self.fh.write("".join([*line, "</row>"]))
        self._check_dimensions(0, 0)
        self._check_dimensions(count - 1, len(cells) - 1)
        return count

    def _text(self, value: str, where: str) -> str:
        if len(value) > TEXT_LIMIT:
            raise ExportError(
                f"A text of {len(value):,} characters in {where}; Excel holds fewer."
            )
        text = self._escape_data(self._escape_control_characters(value))
        kept = "" if value == value.strip() else ' xml:space="preserve"'
        return f' t="inlineStr"><is><t{kept}>{text}</t></is>'

    def _value(self, value: Any) -> str:
        if isinstance(value, bool):
            return f' t="b"><v>{value:d}</v>'
        if isinstance(value, date):
            value = self._convert_date_time(value)
        number = repr(value)
        return ' t="e"><v>#NUM!</v>' if number in NO_NUMBERS else f"><v>{number}</v>"


class Book(xlsxwriter.Workbook):
    """A workbook whose sheets hold no row in memory."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), {"constant_memory": True})

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
        sheet = self.add_worksheet(title, Sheet)
        header = self.add_format(HEADER)
        sheet.write_rows([list(columns)], dict.fromkeys(columns, header))
        styles = {name: self.add_format(style) for name, (_, style) in columns.items()}
        for place, (name, (width, _)) in enumerate(columns.items()):
            sheet.set_column(place, place, width, styles[name])
        count = sheet.write_rows(rows, styles)
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, max(count - 1, 1), len(columns) - 1)


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
