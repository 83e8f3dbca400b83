from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.domain import team
from accounts.models import Account, Membership, Role, User
from tests.factories import make_account, make_member


def place(account: Account, user: User) -> Membership:
    return Membership.objects.select_related("account", "user").get(account=account, user=user)


def owner(account: Account) -> Membership:
    return Membership.objects.select_related("account", "user").filter(account=account, role=Role.OWNER)[0]


def roles(account: Account) -> list[str]:
    return sorted(account.memberships.values_list("role", flat=True))


@pytest.fixture
def account() -> Account:
    return make_account()


@pytest.mark.django_db
def test_change_role(account: Account) -> None:
    joe = place(account, make_member(account, Role.VIEWER))
    changed = team.change_role(membership_id=joe.pk, role=Role.ADMIN, actor=owner(account))
    assert (changed.role, place(account, joe.user).role) == ("admin", "admin")


@pytest.mark.django_db
def test_an_admin_leaves_owners_alone(account: Account) -> None:
    admin = place(account, make_member(account, Role.ADMIN))
    boss = owner(account)
    acts: list[Callable[[], object]] = [
        lambda: team.change_role(membership_id=boss.pk, role=Role.VIEWER, actor=admin),
        lambda: team.remove(membership_id=boss.pk, actor=admin),
        lambda: team.hand_over(membership_id=admin.pk, actor=admin, stay=True),
        lambda: team.change_role(membership_id=admin.pk, role=Role.OWNER, actor=admin),
    ]
    for act in acts:
        with pytest.raises(team.NotYours):
            act()
    assert roles(account) == ["admin", "owner"]


@pytest.mark.django_db
def test_members_of_other_accounts_are_out_of_reach(account: Account) -> None:
    other = make_account()
    stranger = place(other, make_member(other))
    with pytest.raises(team.NotYours):
        team.remove(membership_id=stranger.pk, actor=owner(account))
    with pytest.raises(team.NotYours):
        team.change_role(membership_id=stranger.pk, role=Role.ADMIN, actor=owner(account))


@pytest.mark.django_db
def test_an_actor_who_was_removed_meanwhile_acts_no_more(account: Account) -> None:
    boss = owner(account)
    admin, joe = (place(account, make_member(account, role)) for role in (Role.ADMIN, Role.MEMBER))
    team.remove(membership_id=admin.pk, actor=boss)
    with pytest.raises(team.NotYours):
        team.remove(membership_id=joe.pk, actor=admin)


@pytest.mark.django_db
def test_the_last_owner_stays(account: Account) -> None:
    boss = owner(account)
    acts: list[Callable[[], object]] = [
        lambda: team.leave(membership=boss),
        lambda: team.remove(membership_id=boss.pk, actor=boss),
        lambda: team.change_role(membership_id=boss.pk, role=Role.ADMIN, actor=boss),
    ]
    for act in acts:
        with pytest.raises(team.LastOwner):
            act()


@pytest.mark.django_db
def test_leave(account: Account) -> None:
    joe = place(account, make_member(account))
    team.leave(membership=joe)
    assert roles(account) == ["owner"]


@pytest.mark.django_db
@pytest.mark.parametrize(("stay", "after"), [(False, ["admin", "owner"]), (True, ["owner", "owner"])])
def test_hand_over(account: Account, stay: bool, after: list[str]) -> None:
    joe = place(account, make_member(account))
    team.hand_over(membership_id=joe.pk, actor=owner(account), stay=stay)
    assert (roles(account), place(account, joe.user).role) == (after, "owner")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "act", [lambda one: Membership.objects.filter(pk=one.pk).update(role="viewer"), lambda one: one.delete()]
)
def test_the_database_keeps_an_owner(account: Account, act: Callable[[Membership], object]) -> None:
    with pytest.raises(IntegrityError, match="would have no owner"), transaction.atomic():
        act(owner(account))
    assert roles(account) == ["owner"]


@pytest.mark.django_db(transaction=True)
def test_an_account_goes_with_its_owner() -> None:
    make_account().delete()
    assert not Account.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("by_hand", [False, True])
def test_two_owners_who_go_at_once_leave_one_behind(account: Account, by_hand: bool) -> None:
    """By the domain's functions, and by whatever writes rows without them: then the trigger decides."""
    for _ in range(5):
        boss = owner(account)
        make_member(account, Role.OWNER)
        both = list(Membership.objects.select_related("account", "user").filter(account=account, role=Role.OWNER))

        def go(one: Membership) -> bool:
            try:
                with transaction.atomic():
                    if by_hand:
                        Membership.objects.filter(pk=one.pk).delete()
                    else:
                        team.leave(membership=one)
            except (team.LastOwner, IntegrityError):
                return False
            finally:
                connection.close()
            return True

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(go, both)) == [False, True]
        assert roles(account) == ["owner"], boss
