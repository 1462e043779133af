"""`make invoke` says what there is to run, and what to do first."""

from pathlib import Path

import pytest

from local import invoke
from local.config import PORT_VARIABLES
from local.invoke import find_sample
from local.samples import Sample, list_samples


@pytest.fixture(autouse=True)
def _no_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A stack that the developer has up must not be seen.
    monkeypatch.setenv("SCANHUB_LOCAL_DIR", str(tmp_path))
    for number, (variable, _) in enumerate(PORT_VARIABLES.values()):
        monkeypatch.setenv(variable, str(1024 + number))


@pytest.mark.parametrize("sample", list_samples(), ids=str)
def test_sample_is_found_by_the_names_of_its_folder_and_file(sample: Sample) -> None:
    assert find_sample(sample.function, sample.case) == sample


def test_sample_is_found_by_the_name_in_the_template_and_the_file_name() -> None:
    found = find_sample("ProcessWorkflowFunction", "success.json")

    assert found == Sample("process_workflow", "success")


@pytest.mark.parametrize(
    "arguments, says",
    [
        ([], ["make invoke FUNCTION=name EVENT=name", "process_workflow", "trigger_airflow"]),
        (["", ""], ["make invoke FUNCTION=name EVENT=name", "process_workflow"]),
        (["no_such", "success"], ["no function 'no_such'", "process_workflow", "hello"]),
        (["../events/hello", "success"], ["no function", "hello"]),
        (["process_workflow", ""], ["EVENT=name", "step_by_step, success, unknown_workflow"]),
        (["process_workflow", "nope"], ["no event 'nope'", "step_by_step, success"]),
        (["process_workflow", "../hello/success"], ["no event", "step_by_step, success"]),
        (["process_workflow", "success"], ["not up", "make up"]),
    ],
    ids=str,
)
def test_what_cannot_be_run_is_told_with_what_can(
    arguments: list[str], says: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    status = invoke.main(arguments)

    said = capsys.readouterr()
    assert status == 1
    assert said.out == ""
    assert [text for text in says if text not in said.err] == []
