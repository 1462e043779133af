"""Parse ISMRMRD's XML header, which may be a stranger's."""

from __future__ import annotations

import warnings
from typing import NoReturn
from xml.parsers import expat

from ismrmrd import xsd
from xsdata.formats.dataclass.context import XmlContext
from xsdata.formats.dataclass.parsers import XmlParser
from xsdata.formats.dataclass.parsers.handlers import XmlEventHandler

from scanhub_reconstruction.model import RawDataError

# Real ones have some ten thousand bytes.
MAX_HEADER_BYTES = 2**22
_CONTEXT = XmlContext()  # what xsdata has learned of the schema


def parse_header(document: bytes) -> xsd.ismrmrdHeader:
    """Parse the XML header.

    Parameters
    ----------
    document
        The XML text.

    Returns
    -------
    ismrmrd.xsd.ismrmrdHeader
        The header; values of the wrong type are still strings.

    Raises
    ------
    RawDataError
        If the text is not an ISMRMRD header.
    """
    if len(document) > MAX_HEADER_BYTES:
        raise RawDataError("The ISMRMRD header is invalid: it is larger than 4 MiB.")
    # The same parser as Python's ElementTree, so that both see the same text in any encoding.
    scout = expat.ParserCreate()
    scout.StartDoctypeDeclHandler = _refuse_document_type
    try:
        with warnings.catch_warnings():
            # The warning quotes the value, which may be a patient's.
            warnings.simplefilter("ignore")
            scout.Parse(document, True)
            # ElementTree even where lxml is installed: lxml knows more encodings than the scout.
            parser = XmlParser(context=_CONTEXT, handler=XmlEventHandler)
            return parser.from_bytes(document, xsd.ismrmrdHeader)
    # Malformed XML, an unknown encoding, or a required element that is missing.
    except (expat.ExpatError, LookupError, ValueError, TypeError, AttributeError):
        raise RawDataError(
            "The ISMRMRD header is invalid: it does not follow the ISMRMRD schema."
        ) from None


def _refuse_document_type(*_declaration: object) -> NoReturn:
    """Refuse what ISMRMRD does not have, and what declares entities."""
    raise RawDataError("The ISMRMRD header is invalid: it has a document type.")
