"""`GET /api/v1/jobs/<id>/export.csv|xlsx|jsonl`: docs/api/job-request.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import ClassVar
from uuid import UUID

from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.domain.config import FeatureDisabled, config_of, require
from accounts.models import Scope
from verification.api import schema_exports
from verification.api.base import ApiView, account_of
from verification.api.errors import PROBLEM, problem
from verification.api.job_steering import job_of
from verification.domain import exports, exports_jsonl, exports_xlsx
from verification.models import Job


class ExportView(ApiView):
    """All rows of a job as a file, sent piece by piece."""

    scopes: ClassVar = {"GET": Scope.RESULTS}
    kind: ClassVar[str]
    content_type: ClassVar[str]
    pieces: Callable[..., Iterator[bytes]]

    def send(self, request: Request, job_id: UUID) -> HttpResponseBase:
        job = job_of(request, job_id)
        try:
            require(config_of(account_of(request)), "exports")
        except FeatureDisabled as off:
            return refused(HTTPStatus.FORBIDDEN, str(off), "DISABLED_IN_ACCOUNT_CONFIG")
        if self.kind == "xlsx" and job.total > exports_xlsx.MOST_ROWS:
            return refused(HTTPStatus.CONFLICT, exports_xlsx.TOO_LONG, "TOO_MANY_ROWS")
        response = StreamingHttpResponse(type(self).pieces(job=job), content_type=self.content_type)
        response["Content-Disposition"] = content_disposition_header(True, name_of(job, self.kind)) or "attachment"
        return response


def refused(status: HTTPStatus, detail: str, code: str) -> Response:
    return Response(problem(status, detail, code=code), status=status, content_type=PROBLEM)


def name_of(job: Job, kind: str) -> str:
    return f"{(job.name or 'results').rsplit('.', 1)[0]}-checked.{kind}"


class CsvView(ExportView):
    kind, content_type = "csv", "text/csv; charset=utf-8"
    pieces = exports.export_csv

    @extend_schema(**schema_exports.CSV)
    def get(self, request: Request, job_id: UUID) -> HttpResponseBase:
        """Give the original columns in the original order, then ours."""
        return self.send(request, job_id)


class XlsxView(ExportView):
    kind, content_type = "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    pieces = exports_xlsx.export_xlsx

    @extend_schema(**schema_exports.XLSX)
    def get(self, request: Request, job_id: UUID) -> HttpResponseBase:
        """Give the columns of the CSV as a workbook whose cells are all text."""
        return self.send(request, job_id)


class JsonlView(ExportView):
    kind, content_type = "jsonl", "application/jsonl"
    pieces = exports_jsonl.export_jsonl

    @extend_schema(**schema_exports.JSONL)
    def get(self, request: Request, job_id: UUID) -> HttpResponseBase:
        """Give one JSON object a line for each row, taken or not."""
        return self.send(request, job_id)
