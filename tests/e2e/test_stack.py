"""What the stack itself promises: loopback only, one file that says how to reach it, sound DAGs."""

import json
import stat
from ipaddress import ip_address

import psutil
import pytest

from local.config import DAG_ID
from local.identity import find_marked
from local.stack import up
from tests.e2e.laptop import Laptop

STACK_KEYS = {
    "api_url",
    "aws_endpoint_url",
    "region",
    "bucket",
    "table",
    "queue_url",
    "dlq_url",
    "airflow_url",
    "airflow_username",
    "airflow_password",
    "scanhub_contract",
    "scanhub_url",
    "username",
    "password",
    "token",
    "workflow_id",
    "log_dir",
    "dags_folders",
}


def test_stack_listens_on_loopback_only(laptop: Laptop) -> None:
    # Given all processes of the stack, their children included; when their sockets are listed
    listening = set()
    for process in find_marked(laptop.config.folder):
        try:
            connections = process.net_connections(kind="inet")
        except psutil.NoSuchProcess:  # a task or a function that has just ended
            continue
        listening |= {c.laddr for c in connections if c.laddr and not c.raddr}
    # Then those that take calls do so from this machine only, on the three ports among others
    assert {port for _, port in listening} >= set(laptop.config.ports.values())
    assert [address for address in listening if not ip_address(address[0]).is_loopback] == []


@pytest.mark.parametrize("headers", [{"Host": "elsewhere.example"}, {"Origin": "null"}])
def test_nothing_that_asks_for_no_login_answers_a_page_of_elsewhere(
    laptop: Laptop, headers: dict[str, str]
) -> None:
    for url in (
        f"{laptop.stack.scanhub_url}/_control/ready",
        f"{laptop.config.aws_url}/_ministack/ready",
    ):
        assert laptop.plain.get(url).is_success
        assert laptop.plain.get(url, headers=headers).status_code == 403


def test_stack_file_holds_exactly_the_keys_that_clients_rely_on(laptop: Laptop) -> None:
    # Given a running stack; when its file is read
    file = laptop.config.stack_file
    content = json.loads(file.read_text())
    # Then it holds these keys and no other, all of them filled, for its owner only
    assert set(content) == STACK_KEYS
    assert all(isinstance(value, str) and value for value in content.values())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_up_keeps_the_stack_when_it_is_up(laptop: Laptop) -> None:
    # Given a running stack; when it is brought up again; then it is the same one
    assert up(laptop.config).api_url == laptop.stack.api_url


def test_airflow_reads_every_dag_without_errors(laptop: Laptop) -> None:
    # Given the DAGs folder; when Airflow is asked for what it could not read; then there is none
    answer = laptop.airflow.get("/importErrors").raise_for_status().json()
    assert answer["import_errors"] == []


def test_airflow_lists_the_reconstruction_ready_to_run(laptop: Laptop) -> None:
    # Given the DAGs folder; when Airflow is asked for the reconstruction
    dag = laptop.airflow.get(f"/dags/{DAG_ID}").raise_for_status().json()
    # Then it is not paused, and its tags say what it takes
    assert not dag["is_paused"]
    tags = {tag["name"] for tag in dag["tags"]}
    assert tags >= {"accepts:ismrmrd", "accepts:numpy"}
