"""The cost model by hand, and its data beside the template and the page."""

import math
import re

import pytest

from benchmarks.cost import N_SCANS_PER_DAY, PAGE, Estimate, make_change, make_changed_counts
from benchmarks.cost_data import (
    Price,
    load_counts,
    load_older_profile,
    load_prices,
    load_profile,
)
from benchmarks.cost_model import MONTH_DAYS, Model
from local.config import ROOT

TEMPLATE = (ROOT / "template.yaml").read_text()


@pytest.fixture
def estimate() -> Estimate:
    return Estimate(load_prices(), load_profile(), load_counts())


@pytest.fixture
def model(estimate: Estimate) -> Model:
    return estimate.model


def make_price(*tiers: tuple[float, ...]) -> Price:
    return Price(unit="piece", tiers=tiers, source="https://example.org")


@pytest.mark.parametrize(("n_units", "cost_usd"), [(0, 0), (5, 10), (10, 20), (25, 35), (45, 47.5)])
def test_price_costs_less_in_higher_tiers(n_units: int, cost_usd: float) -> None:
    assert make_price((10, 2), (30, 1), (0.5,)).cost(n_units) == pytest.approx(cost_usd)


def test_gb_s_of_a_function_by_hand(model: Model) -> None:
    # Given 10 calls, one of them cold, that wait for 20 calls of AWS, on a processor's third
    update = {"memory_mb": 590, "cold_cpu_s": 0.4, "warm_s": 0.1, "warm_cpu_s": 0.05}
    function = model.profile.functions["publish_events"].model_copy(update=update)
    counts = {"invocations": 10, "aws_calls": 20}
    slowdown = 1769 / 590

    billed = model.estimate_gb_s(function, counts, 1)

    warm_s = 9 * (0.05 + 0.05 * slowdown)
    assert billed == pytest.approx((warm_s + 0.4 * slowdown + 20 * 0.005) * 590 / 1024)


def test_cold_share_falls_with_the_number_of_scans(model: Model) -> None:
    shares = [model.estimate_cold_share(n) for n in (0, *N_SCANS_PER_DAY)]

    assert shares[0] == 1
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] == model.profile.times["min_cold_share"]


def test_traces_beyond_one_a_second_are_sampled(model: Model) -> None:
    assert model.sample_traces(86_400) == 86_400
    assert model.sample_traces(2 * 86_400) == pytest.approx(86_400 * 1.05)


def test_what_comes_in_masses_is_seldom_traced(model: Model) -> None:
    n_reads = model.count_reads()
    n_callbacks, n_published = (
        model.counts.functions[name]["invocations"]
        for name in ("receive_results", "publish_events")
    )
    n_others = model.count_traces() - n_reads - n_callbacks - n_published

    traces = model.use_control_plane(10)["traces"] / MONTH_DAYS

    assert n_others == 5
    assert traces == pytest.approx(10 * (n_others + n_callbacks / 20 + n_reads / 100))


def test_sampling_is_that_of_the_template(model: Model) -> None:
    rates = [float(rate) for rate in re.findall(r"FixedRate: (\S+)", TEMPLATE)]

    assert rates == [model.profile.sampling[name] for name in ("reads_rate", "callbacks_rate")]
    assert TEMPLATE.count("      Tracing: PassThrough") == 2
    assert ("SystemLogLevel: WARN" in TEMPLATE) == (model.profile.bytes["platform_log_bytes"] == 0)


def test_key_is_asked_for_by_each_caller_once_in_five_minutes(model: Model) -> None:
    requests = [model.use_control_plane(n)["key_requests"] / MONTH_DAYS for n in (0, 10, 100_000)]

    assert requests == pytest.approx([288, 288 + 150, 16 * 288])


def test_control_plane_is_a_fixed_part_and_one_by_scans(model: Model) -> None:
    writes = [model.use_control_plane(n)["dynamodb_writes"] for n in (0, 10)]

    assert writes[0] == pytest.approx(model.counts.idle["write_units"] * 1440 * MONTH_DAYS)
    assert writes[1] - writes[0] == pytest.approx(model.counts.sum("write_units") * 10 * MONTH_DAYS)


def test_scan_costs_less_the_more_there_are(estimate: Estimate) -> None:
    for cost in (estimate.ours_in_sum, estimate.one_server, estimate.two_servers):
        per_scan = [cost(n) / n for n in N_SCANS_PER_DAY if math.isfinite(cost(n))]
        assert len(per_scan) > 1
        assert per_scan == sorted(per_scan, reverse=True)


def test_every_unit_of_the_control_plane_is_in_one_row(estimate: Estimate, model: Model) -> None:
    costs_usd = model.prices.price(model.use_control_plane(1000))

    assert estimate.ours_in_sum(1000) == pytest.approx(sum(costs_usd.values()))


def test_data_lake_holds_the_days_that_are_kept(model: Model) -> None:
    scan_bytes = model.profile.data["raw_bytes"] + model.profile.data["result_bytes"]

    assert model.use_data_lake(10)["s3_storage"] == pytest.approx(scan_bytes * 0.3e-6)
    assert model.count_parts() == 64


def test_who_looks_on_pays_by_the_request(model: Model) -> None:
    watcher = model.watch_by_command_line()
    usage = model.use_watcher(watcher)
    twice = model.use_watcher(watcher.model_copy(update={"requests_per_hour": 960}))

    n_requests = watcher.requests_per_hour * model.profile.watching["hours_per_month"]
    assert usage["api_requests"] == usage["dynamodb_reads"] == pytest.approx(n_requests)
    assert usage["lambda_requests"] == pytest.approx(n_requests + 176 * 60)
    assert twice["api_requests"] == 960 * 176


def test_one_server_is_enough_until_its_sustained_share_is_used_up(
    estimate: Estimate, model: Model
) -> None:
    server = model.profile.server
    most = server.n_sustained_cpus / server.cpu_per_request_s * 86_400 / model.count_traces()

    assert [model.count_servers(n) for n in (0, most * 0.99, most * 1.01)] == [1, 1, 2]
    assert math.isfinite(estimate.one_server(most * 0.99))
    assert math.isinf(estimate.one_server(most * 1.01))
    assert model.use_two_servers(10)[server.instance] == pytest.approx(2 * 730)


def test_servers_in_two_zones_pay_for_the_log_they_keep_and_our_metrics(model: Model) -> None:
    usage, ours = model.use_two_servers(10), model.use_control_plane(10)
    n_kept_days = model.profile.data["log_days"]

    assert usage["log_storage"] == pytest.approx(usage["log_ingestion"] / MONTH_DAYS * n_kept_days)
    assert 0 < usage["log_storage"] <= ours["log_storage"] * (1 + 1e-9)
    assert usage["custom_metrics"] == ours["custom_metrics"]


@pytest.mark.parametrize(
    ("snap_start", "memory"), [("Operators", "operators_mb"), ("PublishedVersions", "functions_mb")]
)
def test_snapshots_are_charged_by_the_memory_of_their_functions(
    model: Model, snap_start: str, memory: str
) -> None:
    (kept_gb_s,) = model.use_snapshots(snap_start).values()

    assert kept_gb_s == pytest.approx(model.profile.fixed[memory] / 1024 * 730 * 3600)


def test_restores_are_charged_by_the_memory_of_the_function(model: Model) -> None:
    assert model.use_restores(10) == {"snapshot_restores": pytest.approx(10 * 1769 / 1024)}


def test_every_resource_of_the_template_has_a_price_or_is_free(model: Model) -> None:
    prices = model.prices

    types = set(re.findall(r"^    Type: (AWS::\S+)", TEMPLATE, flags=re.MULTILINE))

    assert types == set(prices.resources)
    assert {name for names in prices.resources.values() for name in names} <= set(prices.prices)


def test_fixed_numbers_are_those_of_the_template(model: Model) -> None:
    fixed = model.profile.fixed
    alarms = TEMPLATE.count("Type: AWS::CloudWatch::Alarm")
    # An alarm of several metrics is charged for each of them.
    n_watched = TEMPLATE.count("MetricStat: {") + alarms - TEMPLATE.count("      Metrics:\n")

    assert fixed["n_alarm_metrics"] == n_watched
    cached = re.search(r'TokenCacheSeconds:.*?Default: "(\d+)"', TEMPLATE, flags=re.DOTALL)
    assert cached and model.profile.watching["token_cache_s"] == int(cached[1])
    assert fixed["n_dashboards"] == TEMPLATE.count("Type: AWS::CloudWatch::Dashboard")
    assert fixed["n_keys"] == TEMPLATE.count("Type: AWS::KMS::Key")
    assert fixed["n_queue_sources"] == TEMPLATE.count("          Type: SQS\n")


def test_functions_have_the_memory_of_the_template(model: Model) -> None:
    every = int(re.findall(r"^    MemorySize: (\d+)", TEMPLATE, flags=re.MULTILINE)[0])
    bodies = re.findall(r"^  (\w+)Function:\n(.*?)\n\n", TEMPLATE, flags=re.MULTILINE | re.DOTALL)
    sizes_mb = {
        logical_id: int(own[1])
        if (own := re.search(r"^      MemorySize: (\d+)", body, flags=re.MULTILINE))
        else every
        for logical_id, body in bodies
        if body.startswith("    Type: AWS::Serverless::Function")
    }

    operators_mb = [
        sizes_mb[logical_id]
        for logical_id, body in bodies
        if "{ApplyOn: !If [OperatorsStartFromSnapshots, " in body
    ]
    for name, function in model.profile.functions.items():
        assert function.memory_mb == sizes_mb["".join(word.title() for word in name.split("_"))]
    fixed = model.profile.fixed
    assert fixed["functions_mb"] == sum(sizes_mb.values())
    assert (fixed["operators_mb"], fixed["n_operators"]) == (sum(operators_mb), len(operators_mb))


def test_docs_show_what_the_data_say(estimate: Estimate) -> None:
    page = PAGE.read_text()

    for name, content in estimate.make_blocks().items():
        # If this is meant: make benchmark-cost WRITE=1
        assert f"<!-- {name} -->\n{content}\n<!-- /{name} -->" in page


def test_older_checkout_stands_beside_the_present_one(estimate: Estimate) -> None:
    twice = estimate.model.counts.model_copy(
        update={"functions": {"get_workflow": {"api_requests": 2, "invocations": 2}}}
    )
    before = Estimate(load_prices(), load_older_profile(ROOT), twice)

    rows = make_change(before, estimate).splitlines()
    counted = make_changed_counts(twice, estimate.model.counts).splitlines()

    assert len({row.count("|") for row in rows}) == 1
    assert rows[-1].split("|")[3].strip() == f"{estimate.ours_in_sum(1_000):.1f}"
    assert counted[2].startswith("| before | 2 | 2 | 0 ")
