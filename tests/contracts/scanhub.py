"""What ScanHub's services do, in memory and over HTTP alike; runs on fakes and on the stand-in."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from workflow_manager.domain.errors import (
    AuthenticationError,
    ConflictError,
    NeighbourRefusedError,
    UpstreamRefusedError,
)
from workflow_manager.domain.exam import (
    AcquisitionLimits,
    DeviceTask,
    ItemStatus,
    ParametrizedSequence,
    ResultType,
    ScanParameters,
    SequenceParameters,
    TaskType,
    Xyz,
)
from workflow_manager.domain.operator_comment import put_word
from workflow_manager.domain.told_run import ToldFile, ToldRun
from workflow_manager.ports import ExamClient, ScanClient, UserClient

NOBODY = "00000000-0000-4000-8000-000000000000"
ZERO = Xyz(X=0, Y=0, Z=0)
OLD_PARAMETERS = SequenceParameters(fov=ZERO, fov_offset=ZERO)
FOLDER = "s3://lake/result/run"
TOLD = ToldRun(
    "run", FOLDER, has_succeeded=True, files=(ToldFile(ResultType.DICOM, FOLDER, "a.dcm"),)
)


@dataclass(frozen=True)
class Hospital:
    """The services as an operator reaches them, and one exam with a scan and a reconstruction."""

    exam: ExamClient
    scan: ScanClient
    users: UserClient
    token: str = field(repr=False)
    password: str = field(repr=False)
    workflow_id: str
    task_ids: tuple[str, str]
    exam_id: str
    patient_id: str
    sequence_id: str
    device_id: str
    # A task with all that exam-manager has of it, and how to change its comment.
    read_comment: Callable[[str], str | None]
    write_comment: Callable[[str, str | None], object]
    read_task: Callable[[str], dict[str, Any]] = lambda _: {}
    parameters: ScanParameters = OLD_PARAMETERS
    start_types: tuple[TaskType, ...] = (TaskType.DEVICE_TASK_SDK, TaskType.DEVICE_TASK_SIMULATOR)

    def order(self) -> DeviceTask:
        limits = AcquisitionLimits(
            patient_height=172, patient_weight=68, patient_gender="OTHER", patient_age=41
        )
        parametrized = ParametrizedSequence(
            acquisition_limits=limits,
            sequence_parameters=self.parameters,
            sequence="{}",
        )
        return DeviceTask(
            device_id=self.device_id,
            record_id=self.task_ids[0],
            parametrized_sequence=parametrized,
            user_access_token=self.token,
            sequence_id=self.sequence_id,
        )


class ScanHubContract:
    """Subclasses give the fixture `hospital`."""

    def test_a_workflow_has_its_tasks(self, hospital: Hospital) -> None:
        workflow = hospital.exam.get_workflow(hospital.workflow_id)
        scan, reconstruction = sorted(workflow.tasks, key=lambda task: task.datetime_created)
        assert workflow.exam_id == hospital.exam_id
        assert (scan.id, reconstruction.id) == hospital.task_ids
        assert [scan, reconstruction] == [hospital.exam.get_task(id_) for id_ in hospital.task_ids]
        assert scan.type.is_device_task
        assert scan.args["device_id"] == hospital.device_id
        assert (scan.status, scan.progress) == (ItemStatus.NEW, 0)
        assert reconstruction.destinations["dag_id"]

    def test_an_exam_is_its_patients(self, hospital: Hospital) -> None:
        exam = hospital.exam.get_exam(hospital.exam_id)
        assert exam.patient_id == hospital.patient_id
        [found] = hospital.exam.list_exams(hospital.patient_id)
        assert [workflow.id for workflow in found.workflows] == [hospital.workflow_id]
        assert hospital.exam.list_exams(NOBODY) == []

    def test_a_patient_has_one_pseudonym_which_is_nobody_elses(self, hospital: Hospital) -> None:
        pseudonym = hospital.exam.pseudonymize(hospital.patient_id)
        assert pseudonym == hospital.exam.pseudonymize(hospital.patient_id)
        assert pseudonym != hospital.exam.pseudonymize(NOBODY)

    def test_what_exam_manager_does_not_know_is_its_own_404(self, hospital: Hospital) -> None:
        for read in (hospital.exam.get_task, hospital.exam.get_workflow):
            with pytest.raises(NeighbourRefusedError) as caught:
                read(NOBODY)
            assert (caught.value.status, caught.value.is_own) == (404, True)
        with pytest.raises(NeighbourRefusedError) as caught:
            hospital.exam.get_exam(NOBODY)
        assert caught.value.status == 404

    def test_a_report_changes_status_and_progress_alone(self, hospital: Hospital) -> None:
        before = hospital.exam.get_task(hospital.task_ids[0])
        hospital.exam.report_task(before.id, ItemStatus.STARTED, 25)
        after = hospital.exam.get_task(before.id)
        changed = {"status": ItemStatus.STARTED, "progress": 25}
        changed["datetime_updated"] = after.datetime_updated
        assert after == before.model_copy(update=changed)

    def test_a_word_alone_changes_neither_status_nor_progress(self, hospital: Hospital) -> None:
        for task_id in hospital.task_ids:
            before = hospital.exam.get_task(task_id)
            hospital.exam.report_task(task_id, word="Look at the scanner.")
            after = hospital.exam.get_task(task_id)
            assert after == before.model_copy(update={"datetime_updated": after.datetime_updated})

    def test_a_result_is_its_tasks(self, hospital: Hospital) -> None:
        task_id = hospital.task_ids[1]
        for _ in range(2):
            assert hospital.exam.report_run(task_id, TOLD) == []
        [result] = hospital.exam.get_task(task_id).results
        told = ("DICOM", "s3://lake/result/run", "a.dcm")
        assert (result.type, result.directory, result.filename) == told
        assert hospital.exam.get_result(result.id) == result

    def test_an_unknown_result_is_exam_managers_own_404(self, hospital: Hospital) -> None:
        with pytest.raises(NeighbourRefusedError) as caught:
            hospital.exam.get_result(NOBODY)
        assert (caught.value.status, caught.value.is_own) == (404, True)

    def test_what_is_told_of_an_unknown_task_is_refused_by_exam_manager(
        self, hospital: Hospital
    ) -> None:
        with pytest.raises(NeighbourRefusedError) as caught:
            hospital.exam.report_task(NOBODY, ItemStatus.FINISHED, 100)
        assert (caught.value.status, caught.value.is_own) == (404, True)
        with pytest.raises(NeighbourRefusedError) as caught:
            hospital.exam.report_run(NOBODY, TOLD)
        assert (caught.value.status, caught.value.is_own) == (404, True)

    def test_a_report_leaves_the_other_tasks_and_all_stay_in_the_workflow(
        self, hospital: Hospital
    ) -> None:
        hospital.exam.report_task(hospital.task_ids[0], ItemStatus.FINISHED, 100)
        tasks = hospital.exam.get_workflow(hospital.workflow_id).tasks
        assert {task.id: task.progress for task in tasks} == dict(
            zip(hospital.task_ids, (100, 0), strict=True)
        )

    def test_a_scan_finds_patient_sequence_and_device(self, hospital: Hospital) -> None:
        scan = hospital.scan
        assert scan.get_patient(hospital.patient_id).birth_date.year == 1985
        assert json.loads(scan.get_sequence(hospital.sequence_id))["_id"]
        assert scan.get_device(hospital.device_id).status == "ready"

    def test_what_a_scan_does_not_find_is_refused(self, hospital: Hospital) -> None:
        scan = hospital.scan
        # A sequence is a 400, as ScanHub's workflow-manager answered.
        reads = (scan.get_patient, 404), (scan.get_sequence, 400), (scan.get_device, 404)
        for read, status in reads:
            with pytest.raises(NeighbourRefusedError) as caught:
                read(NOBODY)
            assert caught.value.status == status

    def test_a_start_is_checked_once_and_sent(self, hospital: Hospital) -> None:
        checked: list[str] = []
        for task_type in hospital.start_types:
            hospital.exam.report_task(hospital.task_ids[0], ItemStatus.STARTED, 0)
            hospital.scan.start(task_type, hospital.order(), lambda: checked.append("checked"))
        assert len(checked) == len(hospital.start_types)

    def test_a_start_that_is_not_wanted_is_not_sent(self, hospital: Hospital) -> None:
        def refuse() -> None:
            raise ConflictError("Not wanted any more.")

        for task_type in hospital.start_types:
            with pytest.raises(ConflictError):
                hospital.scan.start(task_type, hospital.order(), refuse)
        assert hospital.scan.get_device(hospital.device_id).status == "ready"

    def test_a_token_is_somebodys_or_nobodys(self, hospital: Hospital) -> None:
        user = hospital.users.get_current_user(hospital.token)
        assert user is not None
        assert (user.username, user.role) == ("operator", "medical")
        assert hospital.users.get_current_user("nobodys") is None

    def test_a_login_gives_a_token_and_a_wrong_password_none(self, hospital: Hospital) -> None:
        answer = hospital.users.log_in("operator", hospital.password)
        assert answer["username"] == "operator"
        assert hospital.users.get_current_user(answer["access_token"]) is not None
        with pytest.raises(AuthenticationError):
            hospital.users.log_in("operator", f"{hospital.password} ")


class ScanHub2025Contract(ScanHubContract):
    """What 2025-03 has and 2026-02 has not: comments, devices with addresses, sizes of exams."""

    def test_an_exam_has_the_sizes_of_its_patient(self, hospital: Hospital) -> None:
        assert hospital.exam.get_exam(hospital.exam_id).patient_height_cm == 172
        assert hospital.scan.get_patient(hospital.patient_id).height_cm is None

    def test_a_failure_is_new_there(self, hospital: Hospital) -> None:
        hospital.exam.report_task(hospital.task_ids[0], ItemStatus.ERROR, 0, "Not started.")
        assert hospital.exam.get_task(hospital.task_ids[0]).status is ItemStatus.NEW

    def test_a_start_of_an_unknown_device_is_refused(self, hospital: Hospital) -> None:
        order = hospital.order().model_copy(update={"device_id": NOBODY})
        for task_type, status in zip(hospital.start_types, (503, 404), strict=True):
            with pytest.raises(UpstreamRefusedError) as caught:
                hospital.scan.start(task_type, order, lambda: None)
            assert caught.value.status == status

    @pytest.mark.parametrize("written", [None, "", "pacemaker", "pacemaker\r\n\n"])
    def test_a_word_stands_behind_what_the_operator_wrote(
        self, hospital: Hospital, written: str | None
    ) -> None:
        task_id = hospital.task_ids[0]
        hospital.write_comment(task_id, written)

        hospital.exam.report_task(task_id, ItemStatus.NEW, 0, "Not started.")
        hospital.exam.report_task(task_id, word="The device is offline.")
        assert hospital.read_comment(task_id) == put_word(written, "The device is offline.")

        hospital.exam.report_task(task_id, ItemStatus.STARTED, 0)
        assert hospital.read_comment(task_id) == written

    @pytest.mark.parametrize("progress", [0, 1, 99, 100])
    def test_a_word_alone_is_kept_from_a_scan_under_way(
        self, hospital: Hospital, progress: int
    ) -> None:
        scan_id, dag_task_id = hospital.task_ids
        for task_id in (scan_id, dag_task_id):
            hospital.exam.report_task(task_id, ItemStatus.STARTED, progress)
            before = hospital.exam.get_task(task_id)
            hospital.exam.report_task(task_id, word="Look at the scanner.")
            after = hospital.exam.get_task(task_id)
            assert after == before.model_copy(update={"datetime_updated": after.datetime_updated})
            # While it scans, device-manager writes what it has read a moment before.
            is_told = task_id == dag_task_id or progress in (0, 100)
            assert ("Look at" in (hospital.read_comment(task_id) or "")) is is_told


class ScanHub2026Contract(ScanHubContract):
    """What 2026-02 has and 2025-03 has not: failures, typed tasks, results of many files."""

    def test_a_patient_has_his_sizes_himself(self, hospital: Hospital) -> None:
        assert hospital.exam.get_exam(hospital.exam_id).patient_height_cm is None
        assert hospital.scan.get_patient(hospital.patient_id).height_cm == 172

    def test_a_failure_is_a_failure(self, hospital: Hospital) -> None:
        for task_id in hospital.task_ids:
            hospital.exam.report_task(task_id, ItemStatus.ERROR, 0, "Not started.")
            assert hospital.exam.get_task(task_id).status is ItemStatus.ERROR

    def test_a_report_leaves_all_else_of_a_task_as_it_is(self, hospital: Hospital) -> None:
        for task_id, said in zip(hospital.task_ids, ("STARTED", "INPROGRESS"), strict=True):
            before = hospital.read_task(task_id)
            hospital.exam.report_task(task_id, ItemStatus.STARTED, 30)
            after = hospital.read_task(task_id)
            changed = {"status": said, "progress": 30}
            assert after == before | changed | {"datetime_updated": after["datetime_updated"]}

    def test_tasks_name_their_inputs_and_have_a_place(self, hospital: Hospital) -> None:
        scan, reconstruction = map(hospital.exam.get_task, hospital.task_ids)
        assert (scan.position or 0) < (reconstruction.position or 0)
        assert (scan.input_task_ids, reconstruction.input_task_ids) == (None, (scan.id,))

    def test_a_run_has_one_result_from_its_start_to_its_end(self, hospital: Hospital) -> None:
        task_id = hospital.task_ids[1]
        for told in (ToldRun("run", FOLDER), ToldRun("run", FOLDER), TOLD, TOLD):
            assert hospital.exam.report_run(task_id, told) == []
        [result] = hospital.read_task(task_id)["results"]
        place = f"{hospital.workflow_id}/{task_id}/{result['id']}"
        url = f"https://localhost:8443/api/v1/exam/dcm/{place}/a.dcm"
        assert result["meta"] == {"run_id": "run", "instance_count": 1, "instances": [url]}
        assert (result["type"], result["files"]) == ("DICOM", ["a.dcm"])

    def test_each_run_has_a_result_of_its_own(self, hospital: Hospital) -> None:
        for run_id in ("run-1", "run-2"):
            hospital.exam.report_run(hospital.task_ids[1], ToldRun(run_id, FOLDER, reason="Why."))
        results = hospital.read_task(hospital.task_ids[1])["results"]
        told = [{"run_id": run_id, "reason": "Why."} for run_id in ("run-1", "run-2")]
        assert sorted((each["meta"] for each in results), key=lambda meta: meta["run_id"]) == told

    def test_a_start_of_another_device_than_exam_managers_is_not_sent(
        self, hospital: Hospital
    ) -> None:
        order = hospital.order().model_copy(update={"device_id": NOBODY})
        with pytest.raises(ConflictError):
            hospital.scan.start(TaskType.DEVICE_TASK_SDK, order, lambda: None)
        assert hospital.scan.get_device(hospital.device_id).status == "ready"
