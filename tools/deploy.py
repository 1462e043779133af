"""Check all that a deployment needs, build, deploy, and check that it works.

    make deploy TO=staging              DRY_RUN=1: only look; ANYWAY=1: deploy against the advice

Exit status: 0 deployed and it works (or nothing stands against it); 1 something failed, as was
said; 3 not deployed, for a check found what must be done first.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from local.certificates import make_environ
from local.config import ROOT, StackError, python_runtime
from tools.aws import Aws, explain
from tools.build import SAM
from tools.environment import CONFIG, Environment, read_environment
from tools.layer import finish_build, mark_layer
from tools.preflight import describe, is_ready, look, read_target
from tools.smoke import examine, find_deployed
from tools.template import Template

BUILD_FOLDER = ROOT / ".aws-sam/deploy"
FAILED, NOT_READY = 1, 3


def deploy(environment: Environment, values: Mapping[str, str]) -> None:
    """Build and deploy one environment.

    Raises
    ------
    subprocess.CalledProcessError
        sam has failed; it printed why.
    """
    # sam looks for its settings beside the template, and the built template is elsewhere.
    chosen = ["--config-file", str(CONFIG), "--config-env", environment.name]
    _run(SAM, "build", *chosen, "--build-dir", str(BUILD_FOLDER))
    mark_layer(BUILD_FOLDER, [f"{name}={value}" for name, value in values.items()])
    runtime = values["PythonRuntime"]
    has_bytecode = python_runtime() == runtime
    if not has_bytecode:
        print(
            f"No bytecode: this is {python_runtime()}. With {runtime}, starts take 0.4 of the time."
        )
    print(f"layer with a function: {finish_build(BUILD_FOLDER, has_bytecode=has_bytecode)}")
    _run(SAM, "deploy", *chosen, "--template-file", str(BUILD_FOLDER / "template.yaml"))


def _run(*command: str) -> None:
    # sam build looks for the functions' Python on the PATH.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    environ = {**make_environ(), "PATH": path, "SAM_CLI_TELEMETRY": "0"}
    # sam's Python must not import from our path.
    environ.pop("PYTHONPATH", None)
    subprocess.run(command, cwd=ROOT, env=environ, check=True)  # noqa: S603 - our own words, no shell


def run(environment: Environment, *, is_dry: bool, is_forced: bool) -> int:
    """Check, and deploy unless a check speaks against it; return the exit status.

    Parameters
    ----------
    is_dry
        Whether it only checks.
    is_forced
        Whether it deploys whatever the checks find.
    """
    aws = Aws(environment.region, environment.profile)
    print(f"{environment.name}: stack {environment.stack_name}", flush=True)
    target = read_target(environment, Template.read(), aws)
    has_passed = is_ready(look(target, aws))
    print(describe(target), flush=True)
    if not has_passed and not is_forced:
        print("Not deployed: do first what is said where it says failed.", file=sys.stderr)
        return NOT_READY
    if is_dry:
        print("Nothing was deployed: this was a dry run.")
        return 0
    deploy(environment, target.values)
    return examine(find_deployed(environment, aws))


def main(arguments: Sequence[str] | None = None) -> int:
    """Deploy and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.deploy",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("environment", help="of samconfig.toml")
    parser.add_argument("--dry-run", action="store_true", help="only look")
    parser.add_argument("--anyway", action="store_true", help="deploy whatever is found")
    options = parser.parse_args(arguments)
    try:
        environment = read_environment(options.environment)
        return run(environment, is_dry=options.dry_run, is_forced=options.anyway)
    except StackError as error:
        print(error, file=sys.stderr)
    except (BotoCoreError, ClientError) as error:
        print(f"AWS: {explain(error)}.", file=sys.stderr)
    except subprocess.CalledProcessError as error:
        return error.returncode
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
