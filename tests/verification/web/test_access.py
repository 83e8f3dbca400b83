"""Every page by owner, teammates, stranger and nobody."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.models import Account, Role
from tests.factories import make_account, make_member, make_user
from tests.verification.factories import make_list, make_upload, owner_of
from tests.verification.web.test_domains import OF_A_DOMAIN
from verification.models import Job, Upload
from verification.web.urls import urlpatterns

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class World:
    """An account with a list that waits, one that runs and one that is done."""

    account: Account
    upload: Upload
    job: Job

    def address(self, name: str, account: Account | None = None) -> str:
        arguments: dict[str, object] = {"account": (account or self.account).slug}
        if name == "upload":
            arguments["upload_id"] = self.upload.pk
        elif "job" in name:
            arguments["job_id"] = self.job.pk
        if name == "job_row":
            arguments["row_number"] = 1
        return reverse(name, kwargs=arguments)


@pytest.fixture
def world() -> World:
    account = make_account()
    upload = make_upload(account=account)
    return World(account, upload, make_list("email\njane@ok.test\nnobody\njane@ok.test\n", account=account))


GET = [
    "dashboard",
    "lists",
    "new_list",
    "upload",
    "uploads",
    "job",
    "job_row",
    "job_progress",
    "job_chart",
    "job_quote",
    "job_sample",
    "checks",
    "features",
    "erase",
    "quota",
]
POST = [
    "pause_job",
    "resume_job",
    "cancel_job",
    "delete_job",
    "start_job",
    "take_job_sample",
    "throw_job_away",
    "read_job_again",
]
FILES = ["job_export", "job_export_xlsx", "job_export_jsonl", "checks_export"]
FOR_VIEWERS = {name for name in GET if name not in ("new_list", "upload", "uploads", "erase")}
OVER = {"job_quote": 286, "job_sample": 286}  # parts of a page that have nothing more to tell: this list runs


def asked(client: Client, world: World, name: str, account: Account | None = None) -> HttpResponse:
    address = world.address(name, account)
    response = client.post(address) if name in POST else client.get(address)
    assert isinstance(response, HttpResponse)
    return response


def test_no_page_is_forgotten_here() -> None:
    elsewhere = {"ask_for_feature", "domains", *OF_A_DOMAIN}  # test_settings.py, test_domains.py
    elsewhere |= {
        "suppression",
        "unsuppress",
        "import_suppressions",
        "export_suppressions",
    }  # test_suppression_views.py
    elsewhere |= {"save_filter", "remove_filter"}  # test_saved_filters.py
    elsewhere |= {"verify", "check"}  # test_verify_views.py
    elsewhere |= {name for name in (pattern.name or "" for pattern in urlpatterns) if "webhook" in name}
    elsewhere |= {"renew_notification_secret", "replay_delivery"}  # test_webhook_views.py
    elsewhere |= {"prepare_export", "prepared_files", "prepared_file"}  # test_export_views.py
    elsewhere |= {"erasure", "erasure_receipt"}  # test_erasure_views.py
    elsewhere |= {"check_job_again"}  # test_job_again.py
    assert {pattern.name for pattern in urlpatterns} == {*GET, *POST, *FILES, *elsewhere}


@pytest.mark.parametrize("name", GET)
def test_owners_read_every_page(client: Client, world: World, name: str) -> None:
    client.force_login(owner_of(world.account))
    response = asked(client, world, name)

    assert response.status_code == OVER.get(name, 200)
    assert response["Cache-Control"] == "no-store, private"


@pytest.mark.parametrize("name", POST)
def test_owners_act(client: Client, world: World, name: str) -> None:
    client.force_login(owner_of(world.account))
    response = asked(client, world, name)

    assert response.status_code == 302
    assert response["Location"] == world.address("lists" if name == "delete_job" else "job")


@pytest.mark.parametrize("name", GET + POST)
def test_viewers_look_and_touch_nothing(client: Client, world: World, name: str) -> None:
    client.force_login(make_member(world.account, Role.VIEWER))

    assert asked(client, world, name).status_code == (OVER.get(name, 200) if name in FOR_VIEWERS else 403)


@pytest.mark.parametrize("name", [*GET, *POST, *FILES])
def test_strangers_find_nothing(client: Client, world: World, name: str) -> None:
    client.force_login(owner_of(make_account()))
    found = asked(client, world, name)
    nothing = client.get(f"/a/{uuid4()}/lists")

    assert (found.status_code, found.content) == (404, nothing.content)


OF_A_LIST = ["upload", *(name for name in GET if name.startswith("job")), *FILES[:3], *POST]


@pytest.mark.parametrize("name", OF_A_LIST)
def test_another_account_does_not_open_our_lists(client: Client, world: World, name: str) -> None:
    stranger = make_account()
    client.force_login(owner_of(stranger))

    assert asked(client, world, name, account=stranger).status_code == 404


@pytest.mark.parametrize("name", [*GET, *POST, *FILES])
def test_nobody_is_sent_to_sign_in(client: Client, world: World, name: str) -> None:
    response = asked(client, world, name)

    assert response.status_code == 302
    assert response["Location"] == f"/accounts/login/?next={world.address(name)}"


@pytest.mark.parametrize("name", [*GET, *FILES])
def test_pages_are_read_with_get_only(client: Client, world: World, name: str) -> None:
    client.force_login(owner_of(world.account))

    assert client.delete(world.address(name)).status_code == 405


@pytest.mark.parametrize("name", POST)
def test_actions_need_post(client: Client, world: World, name: str) -> None:
    client.force_login(owner_of(world.account))

    assert client.get(world.address(name)).status_code == 405


def test_members_of_several_accounts_choose(client: Client) -> None:
    user = make_user()
    accounts = [make_account(f"Company {n}", owner=user) for n in range(2)]
    client.force_login(user)
    page = client.get("/").content.decode()

    assert all(f'href="/a/{account.slug}/"' in page for account in accounts)


def test_a_member_of_one_account_goes_straight_to_its_overview(client: Client) -> None:
    account = make_account()
    client.force_login(owner_of(account))

    assert client.get("/")["Location"] == f"/a/{account.slug}/"
