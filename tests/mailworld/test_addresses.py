import pytest

from verification.engine.scenarios.table import SCENARIOS, site_of
from verification.mailworld.addresses import Map


def address(places: Map, domain: str) -> str:
    site = site_of(domain)
    assert site
    return places.address_of(site)


@pytest.mark.parametrize("open_files", [2_048, 4_096, 20_000, 65_536])
def test_every_place_is_inside_and_nobodys_else(open_files: int) -> None:
    places = Map(open_files)
    addresses = [place.address for place in places.places()]
    closed = {places.closed_address(f"mx{number}.deadfirst.test") for number in range(5_000)}
    assert len(addresses) == len(set(addresses))
    assert len(addresses) < open_files * 0.8  # the rest is for connections
    assert not closed & set(addresses)
    assert {tuple(address.split(".")[:2]) for address in closed | set(addresses)} == {("127", "1")}


@pytest.mark.parametrize("open_files", [2_048, 65_536])
def test_places_agree_with_names(open_files: int) -> None:
    places = Map(open_files)
    by_address = {place.address: place for place in places.places()}
    for name in ("ok", "bulk-100000", "tarpit-7", "reset-mail-123456789", "greylist-pass-5-9", "slow-3-4"):
        assert site_of(f"{name}.test").scenario is by_address[address(places, f"{name}.test")].scenario  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("asked", "given"),
    [(0, 0), (7, 7), (99, 99), (100, 100), (101, 110), (1_234, 1_300), (99_000, 99_000), (10**9, 99_000)],
)
def test_delay_is_told_by_the_address(asked: int, given: int) -> None:
    places = Map(65_536)
    by_address = {place.address: place for place in places.places()}
    assert by_address[address(places, f"slow-{asked}.test")].delay_ms == given


def test_domains_of_a_benchmark_do_not_share() -> None:
    places = Map(65_536)
    assert len({address(places, f"bulk-{number}.test") for number in range(1, 8_001)}) == 8_000


def test_too_few_open_files() -> None:
    with pytest.raises(ValueError, match="needs 2,048 open files, the limit is 1024"):
        Map(1_024)


def test_every_scenario_with_a_server_has_a_place() -> None:
    assert {place.scenario.name for place in Map(65_536).places()} == {
        name for name, scenario in SCENARIOS.items() if any(host.address == "server" for host in scenario.hosts)
    }
