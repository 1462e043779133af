"""Create Airflow 2's user; runs in its environment, as ``airflow users create`` does."""

import os
import sys

from airflow.__main__ import main

if __name__ == "__main__":
    # "User" may only read and run DAGs, like the role on MWAA.
    name = ["--username", os.environ["SCANHUB_USERNAME"], "--role", "User"]
    person = ["--firstname", "Workflow", "--lastname", "Manager", "--email", "wfm@example.org"]
    password = ["--password", os.environ["SCANHUB_PASSWORD"]]
    sys.argv = ["airflow", "users", "create", *name, *person, *password]
    main()
