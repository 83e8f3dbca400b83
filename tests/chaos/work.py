"""What the product is given to do while it is harmed, and what must come of it, written by hand."""

from __future__ import annotations

import time
from typing import Any

import httpx

from tests.benchmarks.customer import CSRF
from tests.chaos.product import Product

UPLOAD_SECONDS = 90
Verdict = tuple[str, str]


def expected(number: int) -> tuple[str, Verdict]:
    """Give an address and its verdict: most ask servers that take their time, so that a kill finds work in flight."""
    domain = number % 53
    match number % 25:
        case 0 | 1:
            return f"missing{number}@bulk-{domain}.test", ("Bad", "MailboxDoesNotExist")
        case 2:
            return f"full{number}@ok-{domain}.test", ("Bad", "MailboxFull")
        case 3 | 4:
            return f"user{number}@catchall-{domain}.test", ("Unverifiable", "ServerIsCatchAll")
        case 5:
            return f"user{number}@nomx-{domain}.test", ("Bad", "NoMxServersFound")
        case 6:
            return f"user{number}@dea.test", ("Unverifiable", "DomainIsWellKnownDea")
        case 7 | 8 | 9:
            return f"user{number}@bulk-{domain}.test", ("Ok", "Success")
        case _:
            return f"user{number}@slow-300-{domain}.test", ("Ok", "Success")


def hand_in(product: Product, name: str, addresses: list[str]) -> None:
    """Upload a list as a customer and start it; tries again until the product says that it has it."""
    deadline = time.monotonic() + UPLOAD_SECONDS
    while not product.ask("SELECT 1 FROM verification_job WHERE name = %s", name):
        try:
            upload(product, name, addresses)
        except (httpx.HTTPError, AssertionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def upload(product: Product, name: str, addresses: list[str]) -> None:
    with httpx.Client(base_url=product.url, follow_redirects=True, timeout=20) as client:
        sign_in(client, product.first_run)
        account = str(client.get("/").url).split("/a/")[1].split("/")[0]
        content = "email\n" + "\n".join(addresses) + "\n"
        new = client.get(f"/a/{account}/lists/new")
        found = post(client, new, {}, files={"file": (name, content.encode(), "text/csv")})
        found.raise_for_status()
        post(client, found, {"address_column": "0"}).raise_for_status()


def sign_in(client: httpx.Client, first_run: dict[str, str]) -> None:
    form = {"login": first_run["customer_email"], "password": first_run["customer_password"]}
    post(client, client.get("/accounts/login/"), form).raise_for_status()


def post(
    client: httpx.Client, page: httpx.Response, data: dict[str, str], **files: Any
) -> httpx.Response:  # Any: its union
    token = CSRF.search(page.text)
    assert token, f"no form on {page.url}"
    return client.post(
        page.url, data=data | {"csrfmiddlewaretoken": token[1]}, headers={"Referer": str(page.url)}, **files
    )
