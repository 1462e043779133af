from itertools import pairwise, product

from workflow_manager.domain.dag_run import make_series_number


def test_series_number_grows_with_place_and_attempt_and_fits_into_dicom() -> None:
    numbers = [
        make_series_number("workflow-1", place, attempt)
        for place, attempt in product(range(1, 1000), (1, 2, 99))
    ]

    assert all(one < other for one, other in pairwise(numbers))
    assert 0 < numbers[0] < numbers[-1] < 2**31


def test_series_of_two_workflows_of_an_exam_have_other_numbers() -> None:
    assert make_series_number("workflow-1", 2, 1) != make_series_number("workflow-2", 2, 1)
