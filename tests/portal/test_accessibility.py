"""Every page of the portal, for everybody who looks at it: axe-core, light and dark, wide and narrow.

A new page is visited by itself, as the URL map is walked; Django's admin and Swagger UI are other people's pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, Page

from tests.factories import with_factor
from tests.portal.pages import pages_for, sign_in
from tests.portal.routes import World, make_world
from tests.portal.test_csp import browser, live, session_of, static_root
from tests.verification.factories import finish, give_verdict, hold_list, make_list
from verification.domain import public_status, samples
from verification.domain.held import HELD_UNTIL
from verification.engine.types import Attempt, Blame, Evidence, Reason, Result, Stage
from verification.models import Batch, DailyTally, Job, JobStatus

__all__ = ["browser", "live", "static_root"]
pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

WIDE, NARROW = (1280, 900), (360, 780)
OPEN_ALL = "document.querySelectorAll('details').forEach((each) => { each.open = true; })"
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SERIOUS = """async (rules) => {
  const only = rules.length ? { runOnly: { type: "rule", values: rules } } : {};
  const { violations } = await axe.run(document, { resultTypes: ["violations"], ...only });
  return violations.filter((each) => ["serious", "critical"].includes(each.impact))
    .flatMap((each) => each.nodes.map((node) => `${each.id}: ${node.target} ${node.html.slice(0, 120)}`));
}"""
AXE = Axe().axe_script


@dataclass(frozen=True)
class Visitor:
    """Somebody, and the pages there are for them; `core`: those that are looked at on a phone, too."""

    session: str
    pages: Sequence[str]
    core: frozenset[str] = frozenset()


def jobs_of(world: World) -> list[Job]:
    """Give a list at work and one that is done, with every kind of verdict, cause and note."""
    rows = "".join(f"person{number}@ok.test,Jane\n" for number in range(6))
    made = [make_list(f"email,name\n{rows}nobody,\nperson1@ok.test,\n", account=world.account) for _ in range(2)]
    attempt = Attempt(Stage.RCPT, "mx.ok.test", "192.0.2.1", "198.51.100.7", 550, "5.1.1", "No such user")
    evidence = Evidence(attempts=(attempt,)).as_dict() | {"provider": "Google"}
    for job in made:
        checks = job.checks.taken().order_by("position")
        give_verdict(checks[0], evidence=evidence, normalized="p0@ok.test")
        give_verdict(checks[1], Result.BAD, Reason.MAILBOX_DOES_NOT_EXIST, Blame.ADDRESS, evidence=evidence)
        give_verdict(checks[2], Result.RETRY_LATER, Reason.TRANSIENT_NETWORK_FAULT, Blame.THEIR_OUTAGE)
        give_verdict(checks[3], Result.UNVERIFIABLE, Reason.SERVER_IS_CATCH_ALL, Blame.THEIR_POLICY)
        give_verdict(checks[4], Result.BAD, Reason.DOMAIN_IS_INEXISTENT, Blame.ADDRESS, did_you_mean="p@ok.test")
    for provider, result in (("Google", Result.OK), ("", Result.UNVERIFIABLE)):
        kind = {"source": "job", "result": result, "reason": Reason.NONE, "blame": Blame.THEIR_POLICY}
        day = timezone.now().date()
        DailyTally.objects.create(account=world.account, day=day, key=world.key, provider=provider, count=200, **kind)
    Job.objects.filter(pk=made[0].pk).update(status=JobStatus.RUNNING)
    return [made[0], finish(made[1])]


def held_with_sample(world: World) -> Job:
    """Give a list that is not started, of which a sample was asked."""
    job = hold_list("email\n" + "".join(f"person{number}@ok.test\n" for number in range(8)), account=world.account)
    samples.take(job=job)
    for check in job.checks.filter(pk__in=Batch.objects.filter(job=job).latest("pk").check_ids):
        give_verdict(check)
    Batch.objects.filter(job=job, due_at__lt=HELD_UNTIL).delete()
    return job


@pytest.fixture
def visitors(client: Client, live: str) -> list[Visitor]:
    """Rows and addresses are made before the browser's loop runs: it bars Django's queries."""
    public_status.forget()
    world = make_world("jane")
    account = f"/a/{world.account.slug}"
    running, done = (f"{account}/jobs/{job.pk}" for job in jobs_of(world))
    held = f"{account}/jobs/{held_with_sample(world).pk}"
    demo = "/?e=missing@ok.test"
    open_to_all = pages_for(client, world)
    nobody = Visitor("", [*open_to_all, demo, "/nowhere"], frozenset({"/", demo, "/accounts/login/"}))
    names = ("", "lists", "lists/new", "verify", "checks", "usage", "team", "keys", "suppression")
    core = [running, done, held, f"{done}/rows/2", *(f"{account}/{name}" for name in names)]
    sign_in(client, with_factor(world.owner))
    RecoveryCodes.activate(world.owner)
    own = [path for path in pages_for(client, world) if path not in open_to_all]
    more = [running, done, held, f"{done}/rows/2", f"{done}?show=Bad&q=person", f"{account}/nowhere"]
    owner = Visitor(session_of(client), [*own, *more], frozenset(core))
    new = make_world("new")
    colleague = Client()
    colleague.force_login(new.owner)
    return [nobody, owner, Visitor(session_of(colleague), [f"/a/{new.account.slug}/"])]


def faults(page: Page, *rules: str) -> list[str]:
    """Give what axe finds serious or critical; `rules`: of these only."""
    return [f"{page.url}: {each}" for each in page.evaluate(SERIOUS, list(rules))]


def look_at(page: Page, url: str, *, on_a_phone: bool) -> list[str]:
    """Give the serious faults of a page: of its colours in the light, of all with its menus open in the dark."""
    page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
    page.emulate_media(color_scheme="light")
    page.goto(url, wait_until="load")
    assert page.url == url, "led away"
    page.evaluate(AXE)
    found = faults(page, "color-contrast")
    page.emulate_media(color_scheme="dark")
    page.evaluate(OPEN_ALL)
    found += faults(page)
    page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    wide = page.evaluate(TOO_WIDE)
    found += [f"{page.url}: {wide} px too wide"] if wide else []
    return found + (faults(page) if on_a_phone else [])


def test_no_page_has_a_serious_fault(visitors: list[Visitor], live: str, browser: Browser) -> None:
    found: list[str] = []
    for visitor in visitors:
        context = browser.new_context(reduced_motion="reduce")
        if visitor.session:
            context.add_cookies([{"name": "sessionid", "value": visitor.session, "url": live}])
        page = context.new_page()
        for path in visitor.pages:
            found += look_at(page, live + path, on_a_phone=path in visitor.core)
    assert found == []
    assert sum(len(visitor.pages) for visitor in visitors) > 60
