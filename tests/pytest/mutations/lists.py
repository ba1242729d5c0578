"""Damages of the lists that all files are read with: codes in another form."""

from __future__ import annotations

from conftest import csv_text

from mutations.files import Damage, read_text
from mutations.ways import reference

MALFORMED_LISTS: dict[str, Damage] = {
    "country codes in small letters": reference(
        str.lower, "iso_country_codes", "iso_alpha_2", 2
    ),
    "columns of country codes exchanged": reference(
        lambda whole: whole.replace(
            "iso_alpha_2,iso_alpha_3", "iso_alpha_3,iso_alpha_2"
        ),
        "iso_country_codes",
        "iso_alpha_2",
        2,
    ),
    "space behind a country code": reference(
        lambda whole: whole.replace("DE,DEU", "DE ,DEU"),
        "iso_country_codes",
        "iso_alpha_2",
    ),
    "country listed twice": reference(
        lambda whole: whole + "DE,DEX,Germany\n", "iso_country_codes", "iso_alpha_2"
    ),
    "alpha-3 code of two countries": reference(
        lambda whole: whole + "QQ,DEU,Nowhere\n", "iso_country_codes", "iso_alpha_3"
    ),
    "occupation codes without their last part": reference(
        lambda whole: whole.replace(".00,", ","),
        "onet_task_statements",
        "O*NET-SOC Code",
    ),
    "task without a text": reference(
        lambda whole: csv_text(
            [*read_text(whole), read_text(whole)[0] | {"Task ID": "1", "Task": ""}]
        ),
        "onet_task_statements",
        "Task",
    ),
}
