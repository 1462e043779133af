"""ScanHub's contract of 2026-02 ("generation C")."""

from local.scanhub import openapi, registries
from local.scanhub.contract import Contract
from local.scanhub.contract_2026_02 import device_api, exam_copies, exam_files, exam_manager, seed
from local.scanhub.contract_2026_02.device_manager import DeviceManager
from local.scanhub.contract_2026_02.models import BasePatient, Device, PatientOut, TaskOut
from local.scanhub.contract_2026_02.scanner import Scanner2026
from local.scanhub.contract_2026_02.schema import SCHEMA

EXAM_ROUTERS = (exam_files.router, exam_manager.router, exam_copies.router)

CONTRACT = Contract(
    schema=SCHEMA,
    task=TaskOut,
    device=Device,
    device_id=seed.DEVICE_ID,
    device_key=seed.device_key,
    away=("OFFLINE",),
    make_devices=DeviceManager,
    make_device=seed.make_device,
    scanner=Scanner2026,
    seed_store=seed.seed_store,
    seed_workflow=seed.seed_workflow,
    routers=(
        openapi.make_openapi(*EXAM_ROUTERS),
        registries.make_readiness("device", "exam", "patient", "userlogin"),
        *EXAM_ROUTERS,
        registries.make_patients(BasePatient, PatientOut),
        device_api.public,
        device_api.router,
    ),
)
