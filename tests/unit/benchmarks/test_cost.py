import re
import tomllib

import pytest

from benchmarks.cost import N_SCANS_PER_DAY, Estimate, make_comparison
from benchmarks.cost_data import (
    Price,
    Profile,
    ScanCounts,
    format_counts,
    load_counts,
    load_prices,
    load_profile,
)
from benchmarks.cost_model import (
    MONTH_DAYS,
    count_parts,
    estimate_cold_share,
    estimate_gb_s,
    price_usage,
    sample_traces,
    use_control_plane,
    use_data_lake,
)
from benchmarks.cost_server import choose_instances, find_break_even, use_two_servers
from local.config import ROOT

TEMPLATE = (ROOT / "template.yaml").read_text()


@pytest.fixture
def profile() -> Profile:
    return load_profile()


@pytest.fixture
def estimate(profile: Profile) -> Estimate:
    return Estimate(load_prices(), profile, load_counts())


def make_price(*tiers: tuple[float, ...]) -> Price:
    return Price(unit="piece", tiers=tiers, source="https://example.org")


@pytest.mark.parametrize(("n_units", "cost_usd"), [(0, 0), (5, 10), (10, 20), (25, 35), (45, 47.5)])
def test_price_costs_less_in_higher_tiers(n_units: int, cost_usd: float) -> None:
    assert make_price((10, 2), (30, 1), (0.5,)).cost(n_units) == pytest.approx(cost_usd)


def test_price_without_end_has_one_tier() -> None:
    assert make_price((0.5,)).cost(1e12) == pytest.approx(5e11)


def test_gb_s_of_a_function_by_hand(profile: Profile) -> None:
    # Given 10 calls, one of them cold, that wait for 20 calls of AWS, on a processor's third
    function = profile.functions["publish_events"].model_copy(
        update={"memory_mb": 590, "cold_cpu_s": 0.4, "warm_s": 0.1, "warm_cpu_s": 0.05}
    )
    counts = {"invocations": 10, "aws_calls": 20}
    slowdown = 1769 / 590

    billed = estimate_gb_s(function, counts, 1, profile)

    warm_s = 9 * (0.05 + 0.05 * slowdown)
    assert billed == pytest.approx((warm_s + 0.4 * slowdown + 20 * 0.005) * 590 / 1024)


def test_cold_share_falls_with_the_number_of_scans(profile: Profile) -> None:
    shares = [estimate_cold_share(n, profile) for n in (0, *N_SCANS_PER_DAY)]

    assert shares[0] == 1
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] == profile.times["min_cold_share"]


def test_traces_beyond_one_a_second_are_sampled(profile: Profile) -> None:
    assert sample_traces(86_400, profile) == 86_400
    assert sample_traces(2 * 86_400, profile) == pytest.approx(86_400 * 1.05)


def test_control_plane_is_a_fixed_part_and_one_by_scans(profile: Profile) -> None:
    counts = load_counts()
    writes = [use_control_plane(profile, counts, n)["dynamodb_writes"] for n in (0, 10)]

    assert writes[0] == pytest.approx(counts.idle["write_units"] * 1440 * MONTH_DAYS)
    assert writes[1] - writes[0] == pytest.approx(counts.sum("write_units") * 10 * MONTH_DAYS)


def test_scan_costs_less_the_more_there_are(estimate: Estimate) -> None:
    for cost in (estimate.ours_in_sum, estimate.one_server, estimate.two_servers):
        per_scan = [cost(n) / n for n in N_SCANS_PER_DAY]
        assert per_scan == sorted(per_scan, reverse=True)


def test_every_unit_of_the_control_plane_is_in_one_row(
    estimate: Estimate, profile: Profile
) -> None:
    usage = use_control_plane(profile, load_counts(), 1000)
    costs_usd = price_usage(load_prices(), usage)

    assert estimate.ours_in_sum(1000) == pytest.approx(sum(costs_usd.values()))


def test_data_lake_holds_the_days_that_are_kept(profile: Profile) -> None:
    usage = use_data_lake(profile, 10)

    data = profile.data
    assert usage["s3_storage"] == pytest.approx((data["raw_bytes"] + data["result_bytes"]) * 0.3e-6)
    assert count_parts(profile) == 64


def test_servers_in_two_zones_have_one_to_spare(profile: Profile) -> None:
    counts = load_counts()
    kind, n_instances = choose_instances(profile, counts, 10)

    assert (kind, n_instances) == ("t4g_small", 1)
    assert use_two_servers(profile, counts, 10)[kind] == pytest.approx(2 * 730)


def test_load_beyond_one_instance_takes_more(profile: Profile) -> None:
    _, n_instances = choose_instances(profile, load_counts(), 1e6)

    assert n_instances > 10


def test_break_even_is_where_the_lines_cross() -> None:
    assert find_break_even(lambda n: 5 + n, lambda n: 105) == pytest.approx(100)
    assert find_break_even(lambda n: 5, lambda n: 105) is None
    assert find_break_even(lambda n: 200, lambda n: 105) == pytest.approx(0, abs=1e-6)


def test_every_resource_of_the_template_has_a_price_or_is_free() -> None:
    prices = load_prices()

    types = set(re.findall(r"^    Type: (AWS::\S+)", TEMPLATE, flags=re.MULTILINE))

    assert types == set(prices.resources)
    assert {name for names in prices.resources.values() for name in names} <= set(prices.prices)


def test_fixed_numbers_are_those_of_the_template(profile: Profile) -> None:
    alarms = TEMPLATE.count("Type: AWS::CloudWatch::Alarm")
    # An alarm of several metrics is charged for each of them.
    n_watched = TEMPLATE.count("MetricStat: {") + alarms - TEMPLATE.count("      Metrics:\n")
    counts = load_counts()
    n_called = sum(each.get("invocations", 0) > 0 for each in counts.functions.values())

    assert profile.fixed["n_alarm_metrics"] == n_watched
    assert profile.fixed["n_dashboards"] == TEMPLATE.count("Type: AWS::CloudWatch::Dashboard")
    assert profile.fixed["n_keys"] == TEMPLATE.count("Type: AWS::KMS::Key")
    assert profile.fixed["n_queue_sources"] == TEMPLATE.count("          Type: SQS\n")
    assert profile.fixed["n_cold_start_metrics"] == n_called


def test_functions_have_the_memory_of_the_template(profile: Profile) -> None:
    sizes = {"": int(re.findall(r"^    MemorySize: (\d+)", TEMPLATE, flags=re.MULTILINE)[0])}
    for name, function in profile.functions.items():
        logical_id = "".join(word.title() for word in name.split("_")) + "Function"
        body = TEMPLATE.split(f"\n  {logical_id}:\n")[1].split("\n\n")[0]
        own = re.search(r"^      MemorySize: (\d+)", body, flags=re.MULTILINE)
        assert function.memory_mb == (int(own[1]) if own else sizes[""])


def test_counts_are_read_as_they_were_written() -> None:
    counts = ScanCounts(n_metrics=5, idle={"a": 3.5}, functions={"hello": {"invocations": 2}})

    assert ScanCounts.model_validate(tomllib.loads(format_counts(counts))) == counts


def test_docs_show_what_the_data_say(estimate: Estimate) -> None:
    text = (ROOT / "docs/cost.md").read_text()

    assert make_comparison(estimate) in text
