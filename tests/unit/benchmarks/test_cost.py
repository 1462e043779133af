import math
import re
import tomllib
from collections.abc import Callable

import pytest

from benchmarks.cost import (
    N_SCANS_PER_DAY,
    Estimate,
    make_break_down,
    make_comparison,
    make_counts,
    make_sentences,
)
from benchmarks.cost_data import (
    Price,
    Prices,
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
    use_restore,
    use_snapshots,
)
from benchmarks.cost_server import (
    choose_instances,
    choose_one,
    find_break_even,
    find_limit,
    use_one_server,
    use_two_servers,
)
from local.config import ROOT

TEMPLATE = (ROOT / "template.yaml").read_text()
DOC = (ROOT / "docs/cost.md").read_text()


@pytest.fixture
def profile() -> Profile:
    return load_profile()


@pytest.fixture
def prices() -> Prices:
    return load_prices()


@pytest.fixture
def counts() -> ScanCounts:
    return load_counts()


@pytest.fixture
def estimate(prices: Prices, profile: Profile, counts: ScanCounts) -> Estimate:
    return Estimate(prices, profile, counts)


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
        per_scan = [cost(n) / n for n in N_SCANS_PER_DAY if math.isfinite(cost(n))]
        assert len(per_scan) > 1
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


def test_servers_in_two_zones_have_one_to_spare(
    prices: Prices, profile: Profile, counts: ScanCounts
) -> None:
    assert choose_instances(prices, profile, counts, 10) == ("t4g_small", 2)
    assert use_two_servers(prices, profile, counts, 10)["t4g_small"] == pytest.approx(2 * 730)


@pytest.mark.parametrize(
    ("small_usd", "chosen"),
    [(0.0168, ("t4g_small", 4)), (0.0543, ("t4g_small", 4)), (0.0544, ("c7g_large", 3))],
)
def test_cheapest_instances_are_chosen_not_the_fewest(
    profile: Profile, counts: ScanCounts, small_usd: float, chosen: tuple[str, int]
) -> None:
    # Given a load for 3 small instances or 2 large ones, and one to spare: 4 or 3
    prices = make_prices(small_usd, 0.0725)

    assert choose_instances(prices, profile, counts, 100_000) == chosen


def make_prices(small_usd: float, large_usd: float) -> Prices:
    prices = load_prices()
    changed = {"t4g_small": make_price((small_usd,)), "c7g_large": make_price((large_usd,))}
    return prices.model_copy(update={"prices": {**prices.prices, **changed}})


def test_one_server_is_the_cheapest_that_is_enough_alone(
    prices: Prices, profile: Profile, counts: ScanCounts
) -> None:
    assert choose_one(prices, profile, counts, 1_000) == "t4g_small"
    assert choose_one(make_prices(2, 1), profile, counts, 1_000) == "c7g_large"
    assert choose_one(prices, profile, counts, 50_000) == "c7g_large"


def test_one_server_carries_no_more_than_its_largest_kind(
    prices: Prices, profile: Profile, counts: ScanCounts
) -> None:
    limit = find_limit(profile, counts)

    assert use_one_server(prices, profile, counts, limit) is not None
    assert use_one_server(prices, profile, counts, limit + 1) is None


def test_table_shows_a_dash_where_one_server_is_not_enough(estimate: Estimate) -> None:
    lines = make_comparison(estimate).splitlines()

    rows = [line.split(" | ") for line in lines if line.startswith("| server in one zone")]
    assert [row[-1] for row in rows] == ["- |", "- |"]
    assert all("-" not in row[1] for row in rows)
    assert "| - / 4 of t4g.small |" in "\n".join(lines)


def test_servers_in_two_zones_pay_for_the_log_they_keep_and_our_metrics(
    prices: Prices, profile: Profile, counts: ScanCounts
) -> None:
    usage, ours = use_two_servers(prices, profile, counts, 10), use_control_plane
    n_kept_days = profile.data["log_days"]

    assert usage["log_storage"] == pytest.approx(usage["log_ingestion"] / MONTH_DAYS * n_kept_days)
    assert 0 < usage["log_storage"] < ours(profile, counts, 10)["log_storage"]
    assert usage["custom_metrics"] == ours(profile, counts, 10)["custom_metrics"]


def test_load_beyond_one_instance_takes_more(
    prices: Prices, profile: Profile, counts: ScanCounts
) -> None:
    _, n_instances = choose_instances(prices, profile, counts, 1e6)

    assert n_instances > 10


def test_break_even_is_where_the_lines_cross() -> None:
    assert find_break_even(lambda n: 5 + n, lambda n: 105) == pytest.approx(100)
    assert find_break_even(lambda n: 5, lambda n: 105) is None
    assert find_break_even(lambda n: 200, lambda n: 105) == pytest.approx(0, abs=1e-6)


def test_break_even_is_found_below_what_one_server_carries() -> None:
    def server(n: float) -> float:
        return 105 if n <= 120 else math.inf

    # 128, the next power of two, is too much for it.
    assert find_break_even(lambda n: 5 + n, server, 120) == pytest.approx(100)
    assert find_break_even(lambda n: 5 + n, server, 90) is None


def test_sentences_tell_where_one_server_ends(
    estimate: Estimate, profile: Profile, counts: ScanCounts
) -> None:
    first, second, *_ = make_sentences(estimate).splitlines()

    assert f"at most {find_limit(profile, counts):,} scans a day" in first
    assert re.match(r"- Servers in two zones: cheaper from [\d,]+ scans a day on\.$", second)


def test_sentences_tell_if_a_server_is_never_cheaper(profile: Profile, counts: ScanCounts) -> None:
    first, second, *_ = make_sentences(
        Estimate(make_prices(1e6, 1e6), profile, counts)
    ).splitlines()

    assert "never cheaper;" in first
    assert second == "- Servers in two zones: never cheaper."


def test_snapshots_are_charged_by_the_memory_of_all_functions(
    prices: Prices, profile: Profile
) -> None:
    (kept_gb_s,) = use_snapshots(profile).values()
    restore = use_restore(profile.functions["publish_events"])

    assert kept_gb_s == pytest.approx(profile.fixed["functions_mb"] / 1024 * 730 * 3600)
    assert price_usage(prices, restore) == {"snapshot_restores": pytest.approx(0.0001397998 / 2)}


def test_sentences_tell_what_snapshots_cost(estimate: Estimate) -> None:
    last = make_sentences(estimate).splitlines()[-1]

    assert f"{estimate.snapshots():,.0f} USD a month" in last
    assert f"each restore {estimate.restore():.2g} USD" in last


def test_every_resource_of_the_template_has_a_price_or_is_free() -> None:
    prices = load_prices()

    types = set(re.findall(r"^    Type: (AWS::\S+)", TEMPLATE, flags=re.MULTILINE))

    assert types == set(prices.resources)
    assert {name for names in prices.resources.values() for name in names} <= set(prices.prices)


def test_fixed_numbers_are_those_of_the_template(profile: Profile) -> None:
    alarms = TEMPLATE.count("Type: AWS::CloudWatch::Alarm")
    # An alarm of several metrics is charged for each of them.
    n_watched = TEMPLATE.count("MetricStat: {") + alarms - TEMPLATE.count("      Metrics:\n")

    assert profile.fixed["n_alarm_metrics"] == n_watched
    assert profile.fixed["n_dashboards"] == TEMPLATE.count("Type: AWS::CloudWatch::Dashboard")
    assert profile.fixed["n_keys"] == TEMPLATE.count("Type: AWS::KMS::Key")
    assert profile.fixed["n_queue_sources"] == TEMPLATE.count("          Type: SQS\n")


def test_functions_have_the_memory_of_the_template(profile: Profile) -> None:
    sizes = {"": int(re.findall(r"^    MemorySize: (\d+)", TEMPLATE, flags=re.MULTILINE)[0])}
    for name, function in profile.functions.items():
        logical_id = "".join(word.title() for word in name.split("_")) + "Function"
        body = TEMPLATE.split(f"\n  {logical_id}:\n")[1].split("\n\n")[0]
        own = re.search(r"^      MemorySize: (\d+)", body, flags=re.MULTILINE)
        assert function.memory_mb == (int(own[1]) if own else sizes[""])


def test_memory_of_snapshots_is_that_of_all_functions_of_the_template(profile: Profile) -> None:
    every = int(re.findall(r"^    MemorySize: (\d+)", TEMPLATE, flags=re.MULTILINE)[0])
    own = [int(mb) for mb in re.findall(r"^      MemorySize: (\d+)", TEMPLATE, flags=re.MULTILINE)]
    n_functions = TEMPLATE.count("    Type: AWS::Serverless::Function\n")

    assert profile.fixed["functions_mb"] == sum(own) + (n_functions - len(own)) * every


def test_counts_are_read_as_they_were_written() -> None:
    functions = {"hello": {"invocations": 2.0}}
    counts = ScanCounts(n_metrics=5, n_idle_metrics=3, idle={"a": 3.5}, functions=functions)

    assert ScanCounts.model_validate(tomllib.loads(format_counts(counts))) == counts


@pytest.mark.parametrize("make", [make_comparison, make_break_down, make_sentences])
def test_docs_show_what_the_data_say(estimate: Estimate, make: Callable[[Estimate], str]) -> None:
    assert make(estimate) in DOC


def test_docs_show_what_was_counted(counts: ScanCounts) -> None:
    assert make_counts(counts) in DOC


def test_numbers_of_all_tables_stand_on_the_right(estimate: Estimate, counts: ScanCounts) -> None:
    tables = [make_comparison(estimate), make_break_down(estimate), make_counts(counts)]

    for table in tables:
        head, rule, *_ = table.splitlines()
        assert rule == f"| --- |{' --: |' * (head.count('|') - 2)}"
