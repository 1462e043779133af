"""ScanHub's contract of 2025-03 ("generation A")."""

from local.scanhub import device_api, exam_manager, openapi, registries, seed
from local.scanhub.contract import Contract
from local.scanhub.device_manager import DeviceManager
from local.scanhub.errors import answer_validation_error
from local.scanhub.models import Device, TaskOut
from local.scanhub.scanner import SimulatedScanner
from local.scanhub.store import SCHEMA

CONTRACT = Contract(
    schema=SCHEMA,
    task=TaskOut,
    device=Device,
    device_id=seed.DEVICE_ID,
    device_key=str,
    away=("disconnected", "offline"),
    make_devices=lambda store, is_valid, _: DeviceManager(store, is_valid),
    make_device=seed.make_device,
    scanner=SimulatedScanner,
    seed_store=seed.seed_store,
    seed_workflow=seed.seed_workflow,
    routers=(
        openapi.make_openapi(exam_manager.public, exam_manager.router),
        exam_manager.public,
        exam_manager.router,
        registries.public,
        registries.patients,
        registries.sequences,
        device_api.public,
        device_api.router,
    ),
    refuse_body=answer_validation_error,
)
