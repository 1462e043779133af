"""The name under which a patient's images are filed: it tells patients apart, and says no more."""

import hashlib
import hmac
from base64 import b32encode

from workflow_manager.domain.ids import normalize_id

# Another purpose, or another form of the pseudonym, takes another word: none tells of the other.
_PURPOSE = "scanhub patient pseudonym 1"
# 160 bits of the HMAC, and half of what DICOM's PatientID takes (LO, 64 characters).
PSEUDONYM_LENGTH = 32


def make_pseudonym(key: str, patient_id: str) -> str:
    """Return the pseudonym of a patient, always the same as long as the key is.

    Parameters
    ----------
    key
        The deployment's own: who has it can tell whether a known id is that of a pseudonym.
    patient_id
        Patient-manager's id, in any spelling of a UUID.

    Returns
    -------
    str
        32 characters of A-Z and 2-7 (base 32 of HMAC-SHA256, RFC 2104 and 4648).
    """
    message = f"{_PURPOSE}\0{normalize_id(patient_id)}"
    digest = hmac.digest(key.encode(), message.encode(), hashlib.sha256)
    return b32encode(digest).decode()[:PSEUDONYM_LENGTH]
