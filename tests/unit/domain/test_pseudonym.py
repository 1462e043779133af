import re

from scanhub_reconstruction.run_conf import RunConf
from workflow_manager.domain.pseudonym import make_pseudonym

KEY = "0123456789abcdef0123456789abcdef"
PATIENT_ID = "5b1d2a34-8f0e-4a77-9d4e-0c6f8f6f1a01"


def test_pseudonym_stays_what_it_was_in_earlier_releases() -> None:
    # A PACS has it: another form of it takes another purpose, and a decision (ADR 25).
    assert make_pseudonym(KEY, PATIENT_ID) == "WNSUGKCIH4KJY3GMCTEQSDPM7OTSO2PV"


def test_pseudonym_depends_on_key_and_patient_and_not_on_the_ids_spelling() -> None:
    pseudonym = make_pseudonym(KEY, PATIENT_ID)
    assert make_pseudonym(KEY, "{" + PATIENT_ID.upper() + "}") == pseudonym
    assert make_pseudonym(KEY, PATIENT_ID.replace("5b", "5c")) != pseudonym
    assert make_pseudonym(KEY[1:] + "x", PATIENT_ID) != pseudonym


def test_pseudonym_of_any_id_is_one_that_the_dag_takes() -> None:
    for patient_id in (PATIENT_ID, "", "42", "Jürgen\\ Müller", "x" * 1000):
        pseudonym = make_pseudonym(KEY, patient_id)
        assert re.fullmatch("[A-Z2-7]{32}", pseudonym)
        conf = {"dag_run_id": "x", "patient_pseudonym": pseudonym}
        assert RunConf.from_mapping(conf).patient_pseudonym == pseudonym
