"""`GET /api/v1/jobs/<id>/export.csv|xlsx|jsonl`: docs/api/job-request.md."""

from __future__ import annotations

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
from verification.domain import export_kinds
from verification.domain.export_kinds import KINDS


class ExportView(ApiView):
    """All rows of a job as a file, sent piece by piece."""

    scopes: ClassVar = {"GET": Scope.RESULTS}
    kind: ClassVar[str]

    def send(self, request: Request, job_id: UUID) -> HttpResponseBase:
        job = job_of(request, job_id)
        try:
            require(config_of(account_of(request)), "exports")
            pieces = export_kinds.pieces(job=job, kind=self.kind)
        except FeatureDisabled as off:
            return refused(HTTPStatus.FORBIDDEN, str(off), "DISABLED_IN_ACCOUNT_CONFIG")
        except export_kinds.TooManyRows as more:
            return refused(HTTPStatus.CONFLICT, str(more), "TOO_MANY_ROWS")
        response = StreamingHttpResponse(pieces, content_type=KINDS[self.kind].content_type)
        name = export_kinds.name_of(job, self.kind)
        response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
        return response


def refused(status: HTTPStatus, detail: str, code: str) -> Response:
    return Response(problem(status, detail, code=code), status=status, content_type=PROBLEM)


class CsvView(ExportView):
    kind = "csv"

    @extend_schema(**schema_exports.CSV)
    def get(self, request: Request, job_id: UUID) -> HttpResponseBase:
        """Give the original columns in the original order, then ours."""
        return self.send(request, job_id)


class XlsxView(ExportView):
    kind = "xlsx"

    @extend_schema(**schema_exports.XLSX)
    def get(self, request: Request, job_id: UUID) -> HttpResponseBase:
        """Give the columns of the CSV as a workbook whose cells are all text."""
        return self.send(request, job_id)


class JsonlView(ExportView):
    kind = "jsonl"

    @extend_schema(**schema_exports.JSONL)
    def get(self, request: Request, job_id: UUID) -> HttpResponseBase:
        """Give one JSON object a line for each row, taken or not."""
        return self.send(request, job_id)
