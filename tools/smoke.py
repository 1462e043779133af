"""Check that a deployment works, with ``scanhub-workflow doctor``.

    make smoke                  the laptop stack
    make smoke URL=https://…    any deployment
    make smoke TO=staging       that of an environment of samconfig.toml

SCANHUB_WORKFLOW_TOKEN, or a login at that URL, lets it check what needs a token.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from botocore.exceptions import BotoCoreError, ClientError

from local.config import HOST, StackError
from local.state import read_stack
from tools.aws import Aws
from tools.aws import explain as explain_aws
from tools.checks.stack import find_stack, read_pairs
from tools.environment import Environment, read_environment

URL_VARIABLE, TOKEN_VARIABLE = "SCANHUB_WORKFLOW_URL", "SCANHUB_WORKFLOW_TOKEN"


@dataclass(frozen=True)
class Deployment:
    """The deployment to examine.

    Parameters
    ----------
    web_origin
        Origin of its web page; None if it is unknown.
    environ
        More variables for the doctor.
    """

    url: str
    web_origin: str | None = None
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Examine a deployment and return the exit status: 0 if it works."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.smoke",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--url", help="of the API, up to /workflowmanager")
    parser.add_argument("--to", help="an environment of samconfig.toml")
    options = parser.parse_args(arguments)
    try:
        return examine(_find(options.url, options.to))
    except StackError as error:
        print(error, file=sys.stderr)
    except (BotoCoreError, ClientError) as error:
        print(f"The stack cannot be read: {explain_aws(error)}.", file=sys.stderr)
    return 1


def _find(url: str | None, to: str | None) -> Deployment:
    if url:
        return Deployment(url)
    if to:
        environment = read_environment(to)
        return find_deployed(environment, Aws(environment.region, environment.profile))
    stack = read_stack()
    # A proxy of the environment must not come in between.
    return Deployment(stack.api_url, environ={TOKEN_VARIABLE: stack.token, "NO_PROXY": HOST})


def find_deployed(environment: Environment, aws: Aws) -> Deployment:
    """Return the deployment of an environment."""
    stack = find_stack(aws, environment.stack_name)
    url = read_pairs(stack, "Output").get("ApiUrl")
    if not url:
        raise StackError(f"{environment.stack_name} is not deployed in {aws.region}.")
    return Deployment(url, read_pairs(stack, "Parameter").get("WebOrigin") or None)


def examine(deployment: Deployment) -> int:
    """Have the doctor examine a deployment and return its exit status."""
    print(f"Examining {deployment.url}", flush=True)
    command = [sys.executable, "-m", "scanhub_workflow", "doctor", "--token-optional"]
    if deployment.web_origin:
        command += ["--web-origin", deployment.web_origin]
    # Not arguments, which every user of this machine sees.
    environ = {**os.environ, **deployment.environ, URL_VARIABLE: deployment.url}
    return subprocess.run(command, env=environ, check=False).returncode  # noqa: S603 - our own words


if __name__ == "__main__":
    sys.exit(main())
