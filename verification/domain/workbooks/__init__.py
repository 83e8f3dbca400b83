"""Excel workbooks (.xlsx, .xlsm) as lists: read as a stream within bounds, nothing unpacked to disk, nothing evaluated.

path → package (a ZIP file, its parts)  → xml (expat, bounded) → book (sheets, texts, styles) → sheet (its rows)
"""

from verification.domain.workbooks.arrival import Chosen, is_workbook, write_csv
from verification.domain.workbooks.book import rows, sheets

__all__ = ["Chosen", "is_workbook", "rows", "sheets", "write_csv"]
