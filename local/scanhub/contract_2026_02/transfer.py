"""device-manager of 2026-02: the files that devices send to the volume."""

import hashlib
import json
from typing import Any
from uuid import UUID

from local.scanhub.contract_2026_02.models import ResultOut, ResultType, SetResult
from local.scanhub.store import Store
from local.scanhub.volume import Volume

Message = dict[str, Any]

TYPES = {
    **{".mrd": ResultType.MRD, ".npy": ResultType.NUMPY, ".json": ResultType.CALIBRATION},
    **{".dcm": ResultType.DICOM, ".dicom": ResultType.DICOM},
}


def feedback(text: str, **more: str) -> Message:
    """Return what device-manager answers to a device."""
    return {"command": "feedback", "message": text, **more}


class Transfer:
    """One file on its way from a device to the volume; ``.part`` until it is whole.

    Parameters
    ----------
    message
        The device's announcement: name, size and checksum of the file.
    parts
        The ids of workflow, task and result, which are its folder.
    """

    def __init__(
        self, store: Store, volume: Volume, message: Message, parts: tuple[UUID | str, ...]
    ) -> None:
        self._store, self._message, self.result_id = store, message, parts[-1]
        self._folder, self._told = volume.locate(*parts)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._name = str(message["filename"]).replace("/", "_")
        self._part = self._folder / f"{self._name}.part"
        self._part.touch()
        self._digest = hashlib.sha256()
        self.n_missing_bytes = int(message["size_bytes"])

    def write(self, content: bytes) -> None:
        """Take a binary frame."""
        with self._part.open("ab") as file:
            file.write(content)
        self._digest.update(content)
        self.n_missing_bytes -= len(content)

    def finish(self) -> Message:
        """Rename the file and set the result, unless the file is not what was announced."""
        size_bytes = int(self._message["size_bytes"])
        if self.n_missing_bytes:
            n_bytes = size_bytes - self.n_missing_bytes
            return feedback(f"Incomplete file received ({n_bytes}/{size_bytes} bytes).")
        checksum = self._message.get("sha256")
        if checksum and checksum != self._digest.hexdigest():
            self._part.unlink()
            return feedback("Checksum mismatch for uploaded file.")
        path = self._part.rename(self._folder / self._name)
        files = [path.name]
        if parameter := self._message.get("device_parameter"):
            files.append("device_parameter.json")
            told = {"device_id": self._message["device_id"], "parameter": parameter}
            (self._folder / files[-1]).write_text(json.dumps(told))
        result = SetResult(
            type=TYPES.get(path.suffix.lower(), ResultType.NOT_SET),
            directory=str(self._told),
            files=files,
        )
        columns = {name: getattr(result, name) for name in SetResult.model_fields}
        self._store.update(ResultOut, self.result_id, **columns)
        text = f"File {self.result_id} saved to datalake: {self._told / path.name}"
        return feedback(text, result_id=str(self.result_id))
