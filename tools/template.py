"""What template.yaml says of its parameters, found without AWS."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from cfnlint.decode import decode

from local.config import ROOT, StackError

Values = Mapping[str, str]
# A domain that RFC 2606 gives to nobody, or samconfig.toml's mark for a value to fill in.
_PLACEHOLDER = re.compile(
    r"\b(REGION|ACCOUNT|X{4,})\b|\bexample\.(org|com|net)\b|\b(subnet|sg)-([a-z])\4{3}\b"
)


class UnknownFunctionError(Exception):
    """The template uses a function of CloudFormation that we do not know."""


class Template:
    """The decoded template, with its parameters, conditions and rules."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    @classmethod
    def read(cls, path: str = str(ROOT / "template.yaml")) -> Template:
        """Return the template of this checkout."""
        document, problems = decode(path)
        if problems or document is None:
            raise StackError(f"{path} cannot be read: {problems[0].message}")
        return cls(document)

    def fill_in(self, overrides: Values, previous: Values) -> dict[str, str]:
        """Return the value of every parameter that has one, as CloudFormation would find it.

        Parameters
        ----------
        previous
            Parameters of the stack that exists; they stay unless they are set now.
        """
        parameters = self._document["Parameters"]
        defaults = {
            name: str(each["Default"]) for name, each in parameters.items() if "Default" in each
        }
        kept = {name: value for name, value in previous.items() if name in parameters}
        return defaults | kept | dict(overrides)

    def list_faults(self, values: Values) -> list[tuple[str, str]]:
        """Return each parameter whose value cannot be deployed, and what to do about it."""
        parameters = self._document["Parameters"]
        faults = [(name, "The template has no such parameter.") for name in values]
        faults = [fault for fault in faults if fault[0] not in parameters]
        for name, declared in parameters.items():
            if name not in values:
                faults.append((name, f"Give it a value. {declared['Description']}"))
            elif fault := _find_fault(declared, values[name]):
                faults.append((name, f"{fault} {declared['Description']}"))
        return faults

    def list_broken_rules(self, values: Values) -> list[str]:
        """Return what the template's rules say against the values from `fill_in`."""
        said = []
        for rule in self._document.get("Rules", {}).values():
            try:
                if not self._decide(rule.get("RuleCondition", "true"), values):
                    continue
                broken = [
                    each for each in rule["Assertions"] if not self._decide(each["Assert"], values)
                ]
            except UnknownFunctionError:
                # CloudFormation itself will report that.
                continue
            said += [str(each["AssertDescription"]) for each in broken]
        return said

    def has(self, condition: str, values: Values) -> bool:
        """Tell whether a condition of the template holds for the values from `fill_in`."""
        return self._decide({"Condition": condition}, values)

    def count_resources(self, values: Values) -> Counter[str]:
        """Return how many resources the values from `fill_in` create, by type."""
        resources = self._document["Resources"].values()
        return Counter(
            str(each["Type"])
            for each in resources
            if "Condition" not in each or self.has(each["Condition"], values)
        )

    def _decide(self, expression: Any, values: Values) -> bool:
        return self._evaluate(expression, values) == "true"

    def _evaluate(self, expression: Any, values: Values) -> str:
        if not isinstance(expression, dict):
            return str(expression)
        [(function, argument)] = expression.items()
        match function:
            case "Ref":
                return values.get(argument, "")
            case "Condition":
                return self._evaluate(self._document["Conditions"][argument], values)
            case "Fn::Equals":
                left, right = (self._evaluate(each, values) for each in argument)
                is_true = left == right
            case "Fn::Not":
                is_true = not self._decide(argument[0], values)
            case "Fn::And":
                is_true = all(self._decide(each, values) for each in argument)
            case "Fn::Or":
                is_true = any(self._decide(each, values) for each in argument)
            case "Fn::Join":
                separator, joined = argument
                return str(separator).join(self._evaluate(joined, values).split(","))
            case _:
                raise UnknownFunctionError(function)
        return str(is_true).lower()


def _find_fault(declared: Mapping[str, Any], value: str) -> str:
    if _PLACEHOLDER.search(value):
        return f"Put your own value in place of {value}."
    if "AllowedValues" in declared and value not in map(str, declared["AllowedValues"]):
        return f"{value} is none of {', '.join(map(str, declared['AllowedValues']))}."
    if "AllowedPattern" in declared and not re.fullmatch(declared["AllowedPattern"], value):
        return f"{value!r} does not fit {declared['AllowedPattern']}."
    if declared["Type"] == "Number":
        return _find_number_fault(declared, value)
    return ""


def _find_number_fault(declared: Mapping[str, Any], value: str) -> str:
    try:
        number = float(value)
    except ValueError:
        return f"{value!r} is no number."
    least, most = declared.get("MinValue"), declared.get("MaxValue")
    if least is not None and number < float(least):
        return f"{value} is less than {least}."
    if most is not None and number > float(most):
        return f"{value} is more than {most}."
    return ""
