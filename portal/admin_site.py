"""The staff's admin site."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin


class StaffSite(admin.AdminSite):
    """Django's admin under the product's name."""

    site_header = site_title = f"{settings.PRODUCT_NAME} staff"
    index_title = "Staff"
    site_url = "/"
