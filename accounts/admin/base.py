# ruff: noqa: ARG002  (hooks keep the signatures of Django's admin)
"""What the admin's pages have in common."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from django import forms
from django.contrib import admin
from django.core.paginator import Paginator
from django.db import models
from django.http import HttpRequest

from accounts.models import User

M = TypeVar("M", bound=models.Model)
P = TypeVar("P", bound=models.Model)

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin
    StackedInline = admin.StackedInline
    TabularInline = admin.TabularInline
    ModelForm = forms.ModelForm
else:  # these classes of Django take no type arguments at run time

    class Generic:
        def __class_getitem__(cls, _: object) -> type:
            return cls

    class ModelAdmin(Generic, admin.ModelAdmin):
        pass

    class StackedInline(Generic, admin.StackedInline):
        pass

    class TabularInline(Generic, admin.TabularInline):
        pass

    class ModelForm(Generic, forms.ModelForm):
        pass


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # of any model
    """Counts no further than 10,000 rows, so that lists of big tables open at once."""

    FURTHEST = 10_000

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list  # a QuerySet
        return int(rows.order_by().values("pk")[: self.FURTHEST].count())


class StaffAdmin(ModelAdmin[M]):
    """A model's pages: newest first, no counting of whole tables."""

    ordering = ("-pk",)
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # each would count the whole table
    paginator = BoundedPaginator


class ReadOnlyAdmin(StaffAdmin[M]):
    """Pages to look at: rows are made and changed by the product only."""

    actions = None
    sortable_by = ()  # only the order that has an index

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False


class ReadOnlyInline(TabularInline[M, P]):
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


def actor_of(request: HttpRequest) -> User:
    """Give the member of staff who acts."""
    assert isinstance(request.user, User)
    return request.user
