"""Parse ISMRMRD's XML header, which may be a stranger's, and mend what writers get wrong."""

from __future__ import annotations

import enum
import re
import typing
import warnings
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, NoReturn
from xml.etree import ElementTree
from xml.parsers import expat

from ismrmrd import xsd
from xsdata.formats.dataclass.context import XmlContext
from xsdata.formats.dataclass.parsers import XmlParser
from xsdata.formats.dataclass.parsers.config import ParserConfig
from xsdata.formats.dataclass.parsers.handlers import XmlEventHandler

from scanhub_reconstruction.model import RawDataError

# Real ones have some ten thousand bytes.
MAX_HEADER_BYTES = 2**22
_NAMESPACE = "http://www.ismrm.org/ISMRMRD"
_CONTEXT = XmlContext()  # what xsdata has learned of the schema
_DECLARATION = re.compile(rb"\s*<\?xml[^>]*?encoding\s*=\s*[\"']([\w.-]+)")
# How the schema, its predecessors and vendors' own parameters name it.
_MULTIBAND = re.compile(
    r"(multi_?band|(^|[^a-z])(mb|sms)|simultaneous_?slices?|slice_?accel(eration)?|"
    r"accel(eration)?_?fact(or)?_?slice)(_?factor)?$",
    re.IGNORECASE,
)
_OFF = ("", "off", "no", "none", "false", "single", "singleband")


def parse_header(document: bytes) -> tuple[xsd.ismrmrdHeader, tuple[str, ...]]:
    """Parse the XML header, also where it does not quite follow the schema.

    Parameters
    ----------
    document
        The XML text.

    Returns
    -------
    tuple[xsd.ismrmrdHeader, tuple[str, ...]]
        The header, in which values that cannot be read are still strings, and what the schema
        requires may be None; and a sentence for each kind of mend.

    Raises
    ------
    RawDataError
        If the text is not an ISMRMRD header, or tells of simultaneous slices.
    """
    if len(document) > MAX_HEADER_BYTES:
        raise RawDataError("The ISMRMRD header is invalid: it is larger than 4 MiB.")
    try:
        builder = _Builder()
        with warnings.catch_warnings():
            # The warning quotes the value, which may be a patient's.
            warnings.simplefilter("ignore")
            root, mends = _parse_tree(document.rstrip(b"\0").lstrip(b" \t\r\n"))
            _check_is_single_band(root)
            mends += _fit_to_schema(root)
            config = ParserConfig(class_factory=builder.build)
            parser = XmlParser(config=config, context=_CONTEXT, handler=XmlEventHandler)
            header = parser.parse(ElementTree.ElementTree(root), xsd.ismrmrdHeader)
    except expat.ExpatError as error:
        raise RawDataError(
            f"The ISMRMRD header is invalid: it is not well-formed XML (line {error.lineno})."
        ) from None
    # An unknown encoding, or text where the schema has elements.
    except (LookupError, ValueError, TypeError, AttributeError):
        raise RawDataError(
            "The ISMRMRD header is invalid: it does not follow the ISMRMRD schema."
        ) from None
    return header, tuple(mends + builder.list_mends())


def _parse_tree(document: bytes) -> tuple[ElementTree.Element, list[str]]:
    try:
        return _parse_encoded(document, None), []
    except expat.ExpatError:
        declaration = _DECLARATION.match(document)
        declared = declaration[1].lower() if declaration else b"utf-8"
        if declared not in (b"utf-8", b"us-ascii", b"ascii") or b"\0" in document:
            raise
    root = _parse_encoded(document, "iso-8859-1")
    return root, ["The header is Latin-1 text and does not say so."]


def _parse_encoded(document: bytes, encoding: str | None) -> ElementTree.Element:
    # The same parser as ElementTree's, so that both see the same text in any encoding.
    scout = expat.ParserCreate(encoding)
    scout.StartDoctypeDeclHandler = _refuse_document_type
    scout.Parse(document, True)
    return ElementTree.fromstring(document, ElementTree.XMLParser(encoding=encoding))  # noqa: S314


def _refuse_document_type(*_declaration: object) -> NoReturn:
    """Refuse what ISMRMRD does not have, and what declares entities."""
    raise RawDataError("The ISMRMRD header is invalid: it has a document type.")


def _check_is_single_band(root: ElementTree.Element) -> None:
    """Check it in the text, where no later version of the schema is unknown."""
    for element in root.iter():
        name = _split_tag(element)[1]
        value = element.text
        if name == "multiband":  # the schema's element holds its factor
            factors = [each.text for each in element if _split_tag(each)[1] == "multiband_factor"]
            value = factors[0] if len(factors) == 1 else "unknown"
        if name.startswith("userParameter"):
            texts = {_split_tag(child)[1]: child.text for child in element}
            name, value = (texts.get("name") or "").strip(), texts.get("value")
        if _MULTIBAND.search(name) and not _is_one_or_off(value):
            raise RawDataError(
                "The slices were acquired several at a time (multiband); "
                "they need to be separated, which this reconstruction does not do."
            )


def _is_one_or_off(text: str | None) -> bool:
    word = (text or "").strip().lower()
    try:
        return float(word) <= 1
    except ValueError:
        return word in _OFF


def _split_tag(element: ElementTree.Element) -> tuple[str, str]:
    """Return namespace and name."""
    namespace, _, name = element.tag.rpartition("}")
    return namespace.removeprefix("{"), name


def _fit_to_schema(root: ElementTree.Element) -> list[str]:
    """Give the elements the schema's namespace, and leave out those that it does not know."""
    namespace, name = _split_tag(root)
    if name != "ismrmrdHeader":
        raise ValueError(name)
    mends, n_unknown = [], 0
    if namespace != _NAMESPACE:
        mends.append("The header is not in ISMRMRD's namespace.")
    root.tag = f"{{{_NAMESPACE}}}{name}"
    to_do: list[tuple[ElementTree.Element, type]] = [(root, xsd.ismrmrdHeader)]
    while to_do:
        parent, parent_type = to_do.pop()
        known = _list_children(parent_type)
        _check_is_single(parent, parent_type)
        for child in list(parent):
            child_namespace, name = _split_tag(child)
            if name not in known or child_namespace not in ("", namespace, _NAMESPACE):
                parent.remove(child)
                n_unknown += 1
                continue
            child.tag = f"{{{_NAMESPACE}}}{name}"
            to_do.append((child, known[name]))
    if n_unknown:
        mends.append(f"The header holds {n_unknown} elements that the schema does not know.")
    return mends


def _check_is_single(parent: ElementTree.Element, parent_type: type) -> None:
    names = [_split_tag(child)[1] for child in parent]
    for name, hint in _get_hints(parent_type).items():
        if names.count(name) > 1 and typing.get_origin(hint) is not list:
            raise RawDataError(f"The ISMRMRD header is invalid: it holds {name} more than once.")


@cache
def _get_hints(parent: type) -> dict[str, Any]:
    return typing.get_type_hints(parent) if is_dataclass(parent) else {}


@cache
def _list_children(parent: type) -> dict[str, type]:
    """Return the type of each element that may stand in an element of this type."""
    return {name: _strip_hint(hint) for name, hint in _get_hints(parent).items()}


def _strip_hint(hint: Any) -> type:
    """Return the type T of `T`, `None | T` or `list[T]`."""
    arguments = [each for each in typing.get_args(hint) if each is not type(None)]
    return _strip_hint(arguments[0]) if arguments else hint


class _Builder:
    """Makes xsdata's objects of what is there, and remembers what was not as the schema has it."""

    def __init__(self) -> None:
        self._lacking: dict[str, None] = {}
        self._misspelt: dict[str, None] = {}
        self._unknown: dict[str, None] = {}

    def build(self, clazz: type, params: dict[str, Any]) -> Any:
        for field in fields(clazz):
            is_required = field.default is MISSING and field.default_factory is MISSING
            if is_required and field.name not in params:
                params[field.name] = None
                self._lacking[field.name] = None
        for name, value in params.items():
            if isinstance(value, str):
                params[name] = self._read(name, value, _list_children(clazz)[name])
        return clazz(**params)

    def _read(self, name: str, text: str, wanted: type) -> Any:
        """Return a number like `64.0` as the integer that it is, a term in its own case."""
        value: Any = text
        if wanted is int:
            try:
                number = float(text)
            except ValueError:
                return text
            value = int(number) if number.is_integer() and abs(number) < 2**53 else text
        elif issubclass(wanted, enum.Enum):
            word = text.strip().lower()
            value = next((term for term in wanted if term.value.lower() == word), text)
            if value is text:
                self._unknown[name] = None
        if value is not text:
            self._misspelt[name] = None
        return value

    def list_mends(self) -> list[str]:
        return [
            *(f"The header lacks {name}, which the schema requires." for name in self._lacking),
            *(f"The header does not write {name} as the schema has it." for name in self._misspelt),
            *(f"The header has a {name} that the schema does not know." for name in self._unknown),
        ]
