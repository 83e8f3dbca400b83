"""What OpenAPI says of exports: docs/api/job-request.md."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiResponse

from verification.api.schema import TEXT, problems

BINARY: dict[str, Any] = {"type": "string", "format": "binary"}  # Any: JSON schema


def export(operation: str, content_type: str, words: str, schema: dict[str, Any], *codes: int) -> dict[str, Any]:
    return {
        "operation_id": operation,
        "tags": ["Jobs"],
        "responses": {(200, content_type): OpenApiResponse(response=schema, description=words)}
        | problems(401, 403, 404, *codes, 429, 500, 503),
    }


CSV = export("export_csv", "text/csv", "The original columns, then ours; UTF-8, CRLF.", TEXT)
XLSX = export(
    "export_xlsx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "A workbook of one sheet.",
    BINARY,
    409,
)
JSONL = export("export_jsonl", "application/jsonl", "One JSON object a line.", TEXT)
