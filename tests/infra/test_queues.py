"""What goes round between queues and functions."""

from typing import Any

from networkx import DiGraph, simple_cycles

from tests.infra.conftest import select

ALIAS = "Aliaslive"


def draw(resources: dict[str, Any]) -> "DiGraph[str]":
    """Return which queue calls which function, and which function may send to which queue."""
    graph: DiGraph[str] = DiGraph()
    for source in select(resources, "AWS::Lambda::EventSourceMapping").values():
        function = source["FunctionName"]["Ref"].removesuffix(ALIAS)
        graph.add_edge(source["EventSourceArn"]["Fn::GetAtt"][0], function)
    for role, properties in select(resources, "AWS::IAM::Role").items():
        for policy in properties.get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                if "sqs:SendMessage" in statement["Action"]:
                    named = statement["Resource"]
                    for queue in named if isinstance(named, list) else [named]:
                        graph.add_edge(role.removesuffix("Role"), queue["Fn::GetAtt"][0])
    return graph


def test_lambda_stops_no_loop_that_is_meant_and_every_other_one(resources: dict[str, Any]) -> None:
    # 16 calls of a function in one chain, by the trace that SQS hands on, are a loop to Lambda.
    functions = select(resources, "AWS::Lambda::Function")
    looping = {name for loop in simple_cycles(draw(resources)) for name in loop} & set(functions)
    assert looping == {"TriggerAirflowFunction", "SimulateReconstructionFunction"}
    for name, function in functions.items():
        assert function.get("RecursiveLoop") == ("Allow" if name in looping else None), name
