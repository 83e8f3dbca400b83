"""Guards of the product's pages; they are those of every page of an account."""

from accounts.web.access import AccountRequest, account_page, page

__all__ = ["AccountRequest", "account_page", "page"]
