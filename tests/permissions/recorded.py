"""The calls that were recorded, by function and parameter set."""

import re
from collections import defaultdict
from difflib import get_close_matches
from pathlib import Path

from tests.infra.conftest import ROOT
from tests.permissions.needs import SECRETS, Need, mwaa_needs, needs_of, read_calls
from tests.permissions.roles import MWAA

Needs = dict[str, set[Need]]
# What a contract cell asks for in place of a table or bucket that AWS has lost.
LOST = "gone"
FOLDERS = sorted(path.parent.name for path in ROOT.glob("functions/*/app.py"))


def load_needs(folder: Path) -> Needs:
    """Return what was needed in all suites, by the logical id of the function."""
    found: Needs = defaultdict(set)
    for call in read_calls(folder):
        if LOST in call["names"].values() or LOST in str(call["request"]):
            continue
        found[logical_id(call["function"])].update(needs_of(call))
    return found


def logical_id(function: str) -> str:
    """Return a function's name in the template, of its folder's or its deployed name."""
    if "-" not in function:
        return camel_case(function)
    # CloudFormation adds a hash, and cuts off the name's end where both have too many characters.
    deployed = max(re.findall(r"[A-Z][A-Za-z]+", function), key=len)
    [found] = get_close_matches(deployed, map(camel_case, FOLDERS), n=1)
    return str(found)


def camel_case(folder: str) -> str:
    return "".join(word.capitalize() for word in folder.split("_")) + "Function"


def adapt(needs: set[Need], parameter_set: str) -> set[Need]:
    """Return what is needed where Airflow is something else than in the recorded suites."""
    secret = SECRETS["AIRFLOW_SECRET_ARN"]
    rest = {need for need in needs if need.resource != secret}
    if parameter_set == "MWAA" and rest != needs:
        names = {"MWAA_ENVIRONMENT_NAME": MWAA["MwaaEnvironmentName"]}
        return rest | set(mwaa_needs("InvokeRestApi", {}, names))
    return rest if parameter_set in {"MWAA", "none"} else needs
