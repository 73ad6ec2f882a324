"""The pages of statistics."""

from __future__ import annotations

from wayfare.access.purposes import FIGURE_READERS
from wayfare.common.web.pages import SIGN_IN, Page
from wayfare.statistics import web

PAGES = (
    Page("tables/", web.tables, "tables", SIGN_IN, FIGURE_READERS),
    Page("tables/table.<slug:kind>", web.table_file, "table-file", SIGN_IN, FIGURE_READERS),
)
