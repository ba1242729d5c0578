"""What a build does not show of own conversations, for the person who waits."""

from __future__ import annotations

from pathlib import Path

import duckdb

NOT_SHOWN = """
    select release_id || ', ' || platform || ', from ' || window_start_date
    from private_state.private.int_conversation_windows
    anti join work.intermediate.int_conversation_cells_protected
        using (release_id, platform, window_start_date)
    order by all
"""


def not_shown(work_file: Path, private_file: Path) -> list[str]:
    """A sentence on each window without a published cell; never how small it is."""
    with duckdb.connect() as con:
        con.execute(f"attach '{work_file}' as work (read_only)")
        con.execute(f"attach '{private_file}' as private_state (read_only)")
        windows = con.execute(NOT_SHOWN).fetchall()
    return [
        f"{window}: not shown. It has not been over for own_closing_days, is under "
        "own_floors, or holds nearly the conversations of another version of the "
        "classifier (docs/disclosure.md)."
        for (window,) in windows
    ]
