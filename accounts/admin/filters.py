"""Filters that ask an index and never the whole table for what there is to choose from."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest


class DateRangeFilter(admin.FieldListFilter):
    """From one day to another, both included, in UTC; what is no date is not looked for."""

    template = "admin/filters/date_range.html"

    def __init__(
        self,
        field: models.Field[Any, Any],
        request: HttpRequest,
        params: dict[str, Any],
        model: type[models.Model],
        model_admin: Any,
        field_path: str,
    ) -> None:  # Any: Django's signature
        self.field_path = field_path
        self.names = (f"{field_path}__from", f"{field_path}__to")
        super().__init__(field, request, params, model, model_admin, field_path)
        given = self.used_parameters
        self.first, self.last = (self._day(given.get(name)) for name in self.names)
        self.others = [
            (name, value) for name, value in request.GET.items() if name not in (*self.names, "p", "e") and value
        ]

    def expected_parameters(self) -> list[str | None]:
        return [*self.names]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:  # Any: what the template reads
        first, last = self.names
        yield {
            "first": {"name": first, "value": self.first},
            "last": {"name": last, "value": self.last},
            "others": self.others,
            "clear": changelist.get_query_string(remove=[first, last]),
            "is_set": bool(self.first or self.last),
        }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002  # Django's
        if self.first:
            queryset = queryset.filter(**{f"{self.field_path}__gte": _midnight(self.first)})
        if self.last:
            queryset = queryset.filter(**{f"{self.field_path}__lt": _midnight(self.last + timedelta(days=1))})
        return queryset

    @staticmethod
    def _day(given: Any) -> date | None:  # Any: a list of texts, or a text
        text = given[-1] if isinstance(given, list) and given else given
        try:
            day = date.fromisoformat(text) if text else None
        except (TypeError, ValueError):
            return None
        return day if day and 1970 <= day.year < 3000 else None


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
